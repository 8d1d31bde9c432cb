"""Addresses of what moves a date."""

from __future__ import annotations

from django.urls import path

from portal.rights.clocks import views

urlpatterns = [
    path("requests/<uuid:pk>/answer/", views.answer, name="answer"),
    path("queue/<uuid:pk>/ask/", views.ask, name="ask"),
    path("queue/<uuid:pk>/extend/", views.extend, name="extend"),
]
