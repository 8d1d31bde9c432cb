"""Addresses of what follows from corrections, deletions and restrictions."""

from __future__ import annotations

from django.urls import path

from portal.rights.redress import views

urlpatterns = [
    path("told/<uuid:told>/<slug:token>/", views.told, name="told"),
    path("queue/follow-up/", views.follow_up, name="follow-up"),
    path("queue/follow-up/<uuid:told>/told/", views.tell_by_hand, name="tell-by-hand"),
    path("queue/follow-up/<uuid:told>/confirmed/", views.confirm_by_hand, name="confirm-by-hand"),
    path("queue/<uuid:pk>/end-restriction/", views.announce_end, name="announce-end"),
]
