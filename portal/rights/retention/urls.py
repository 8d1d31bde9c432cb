"""Addresses of how long things are kept."""

from __future__ import annotations

from django.urls import path

from portal.rights.retention import views

urlpatterns = [
    path("retention/", views.retention, name="retention"),
    path("retention/shorten", views.shorten, name="retention-shorten"),
    path("retention/take-back", views.take_back, name="retention-take-back"),
    path("retention/certificates.json", views.certificates, name="retention-certificates"),
    path("oversight/retention/", views.everybody, name="retention-everybody"),
]
