"""Addresses of what is asked of other systems."""

from __future__ import annotations

from django.urls import path

from portal.rights.connectors import views

urlpatterns = [
    path("queue/systems/", views.waiting, name="store-tasks"),
    path("queue/<uuid:pk>/systems/<slug:store>/", views.task, name="store-task"),
    path("opendsr/v2/callbacks/<uuid:number>", views.callback, name="store-callback"),
]
