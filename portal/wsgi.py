"""The door that granian opens."""

from __future__ import annotations

import gc
import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()
# Every view is loaded now and not by the first call, and what is loaded stays: nobody looks again and again whether it
# may be thrown away.
import_module(settings.ROOT_URLCONF)
gc.collect()
gc.freeze()
