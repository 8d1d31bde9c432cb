"""Address of the live page."""

from __future__ import annotations

from django.urls import path

from portal.events.live import views

urlpatterns = [path("", views.live, name="live")]
