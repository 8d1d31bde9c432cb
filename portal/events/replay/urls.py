"""Addresses of a day's replay."""

from __future__ import annotations

from django.urls import path

from portal.events.replay import views

urlpatterns = [
    path("", views.replay, name="replay"),
    path("points/", views.stretch, name="replay-points"),
]
