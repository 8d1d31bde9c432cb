"""Addresses of requests and of the queue."""

from __future__ import annotations

from django.urls import path

from portal.rights import views, views_queue

urlpatterns = [
    path("requests/", views.requests, name="requests"),
    path("requests/copy/", views.copy, name="copy"),
    path("requests/erase/", views.erase, name="erase"),
    path("requests/erase/confirm/", views.confirm, name="confirm"),
    path("requests/<uuid:pk>/", views.request_page, name="request"),
    path("requests/<uuid:pk>/download", views.download, name="download"),
    path("requests/<uuid:pk>/certificate.json", views.certificate, name="certificate"),
    path("requests/<uuid:pk>/cancel/", views.cancel, name="cancel"),
    path("queue/", views_queue.queue, name="queue"),
    path("queue/<uuid:pk>/", views_queue.case, name="case"),
    path("queue/<uuid:pk>/approve/", views_queue.approve, name="approve"),
    path("queue/<uuid:pk>/refuse/", views_queue.refuse, name="refuse-request"),
    path("queue/<uuid:pk>/retry/", views_queue.retry, name="retry"),
]
