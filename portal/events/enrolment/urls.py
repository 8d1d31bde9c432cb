"""Addresses of devices, and those of OAuth at which collectors join: they stand before allauth's own."""

from __future__ import annotations

from django.urls import path

from portal.events.enrolment import endpoints, views, views_devices, views_operator

urlpatterns = [
    path("devices/", views_devices.devices, name="devices"),
    path("devices/<uuid:device>/", views_devices.describe, name="device-describe"),
    path("collectors/<uuid:collector>/pause/", views_devices.pause, name="collector-pause"),
    path("collectors/<uuid:collector>/resume/", views_devices.resume, name="collector-resume"),
    path("collectors/<uuid:collector>/end/", views_devices.end, name="collector-end"),
    path("collectors/<uuid:collector>/answer/", views_devices.answer, name="collector-answer"),
    path("collectors/", views_operator.collectors, name="collectors"),
    path("collectors/<uuid:collector>/remove/", views_operator.remove, name="collector-remove"),
    path("identity/o/device", views.confirm, name="confirm-collector"),
    path("identity/o/api/device/code", endpoints.device_code),
    path("identity/o/api/token", endpoints.token),
    path("identity/o/api/revoke", endpoints.revoke),
    path("identity/o/api/enrol", endpoints.enrol, name="enrol"),
]
