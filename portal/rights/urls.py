"""Addresses of a person's requests."""

from __future__ import annotations

from django.urls import path

from portal.rights import views

urlpatterns = [
    path("requests/", views.requests, name="requests"),
    path("requests/copy/", views.copy, name="copy"),
    path("requests/erase/", views.erase, name="erase"),
    path("requests/erase/confirm/", views.confirm, name="confirm"),
    path("requests/<uuid:pk>/", views.request_page, name="request"),
    path("requests/<uuid:pk>/download", views.download, name="download"),
    path("requests/<uuid:pk>/certificate.json", views.certificate, name="certificate"),
    path("requests/<uuid:pk>/cancel/", views.cancel, name="cancel"),
]
