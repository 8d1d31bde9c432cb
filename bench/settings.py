"""The product's settings, and beside its addresses those of the rivals."""

from __future__ import annotations

from portal.settings import *  # noqa: F403
from portal.settings import INSTALLED_APPS as OURS

INSTALLED_APPS = [*OURS, "bench"]
ROOT_URLCONF = "bench.rivals"
