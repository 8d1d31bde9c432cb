"""Days on which nothing is collected."""

from __future__ import annotations

from django.urls import path

from portal.rights.choices import views_days_off

urlpatterns = [
    path("", views_days_off.days, name="days-off"),
    path("mark/", views_days_off.mark, name="days-off-mark"),
    path("unmark/", views_days_off.unmark, name="days-off-unmark"),
]
