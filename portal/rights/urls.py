"""Addresses of a person's requests."""

from __future__ import annotations

from django.urls import path

from portal.rights import views, views_kinds

urlpatterns = [
    path("requests/", views.requests, name="requests"),
    path("requests/copy/", views.copy, name="copy"),
    path("requests/copy/look/", views.look, name="look"),
    path("requests/erase/", views.erase, name="erase"),
    path("requests/erase/confirm/", views.confirm, name="confirm"),
    path("requests/erase/hours/", views_kinds.erase_hours, name="erase-hours"),
    path("requests/erase/app/", views_kinds.erase_app, name="erase-app"),
    path("requests/restrict/", views_kinds.restrict, name="restrict"),
    path("requests/restrict/confirm/", views_kinds.restrict_confirm, name="restrict-confirm"),
    path("requests/correct/", views_kinds.correct, name="correct"),
    path("requests/not-me/", views_kinds.not_me, name="not-me"),
    path("requests/complain/", views_kinds.complain, name="complain"),
    path("requests/<uuid:pk>/", views.request_page, name="request"),
    path("requests/<uuid:pk>/download", views.download, name="download"),
    path("requests/<uuid:pk>/certificate.json", views.certificate, name="certificate"),
    path("requests/<uuid:pk>/cancel/", views.cancel, name="cancel"),
    path("requests/<uuid:pk>/end-restriction/", views_kinds.end_restriction, name="end-restriction"),
]
