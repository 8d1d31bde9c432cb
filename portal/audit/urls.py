"""Where the trail is shown."""

from __future__ import annotations

from django.urls import path

from portal.audit import views

urlpatterns = [path("who-looked/", views.who_looked, name="who-looked")]
