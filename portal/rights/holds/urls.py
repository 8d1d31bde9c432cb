"""Addresses of legal holds."""

from __future__ import annotations

from django.urls import path

from portal.rights.holds import views

urlpatterns = [
    path("requests/holds/", views.mine, name="my-holds"),
    path("holds/", views.holds, name="holds"),
    path("holds/place/", views.place, name="place-hold"),
    path("holds/<uuid:hold_id>/", views.hold, name="hold"),
    path("holds/<uuid:hold_id>/confirm/", views.confirm, name="confirm-hold"),
    path("holds/<uuid:hold_id>/release/", views.release, name="release-hold"),
    path("holds/<uuid:hold_id>/renew/", views.renew, name="renew-hold"),
]
