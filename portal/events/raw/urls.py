"""Address of a day's raw records."""

from __future__ import annotations

from django.urls import path

from portal.events.raw import views

urlpatterns = [path("", views.raw, name="raw")]
