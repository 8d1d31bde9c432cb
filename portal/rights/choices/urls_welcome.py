"""Where a new employee is led through what concerns them."""

from __future__ import annotations

from django.urls import path

from portal.rights.choices import views_welcome as views

urlpatterns = [
    path("", views.welcome, name="welcome"),
    path("done/", views.done, name="welcome-done"),
    path("<slug:purpose_key>/", views.purpose, name="welcome-purpose"),
]
