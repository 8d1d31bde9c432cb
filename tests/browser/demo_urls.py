"""The addresses of an installation that is a demo."""

from __future__ import annotations

from portal.demo.urls import urlpatterns as demo
from portal.urls import urlpatterns as usual

handler500 = "portal.views.failed"
urlpatterns = [*demo, *usual]
