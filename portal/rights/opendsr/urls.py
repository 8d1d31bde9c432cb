"""Addresses of OpenDSR, and those of OpenGDPR that came before (10.1)."""

from __future__ import annotations

from django.urls import path

from portal.rights.opendsr import views

OLD = {"old": True}

urlpatterns = [
    path("opendsr/v2/discovery", views.discovery, name="opendsr-discovery"),
    path("opendsr/v2/certificate", views.certificate, name="opendsr-certificate"),
    path("opendsr/v2/requests", views.requests, name="opendsr-requests"),
    path("opendsr/v2/requests/<str:number>", views.one, name="opendsr-request"),
    path("opendsr/v2/opengdpr_requests", views.requests, OLD, name="opengdpr-requests"),
    path("opendsr/v2/opengdpr_requests/<str:number>", views.one, name="opengdpr-request"),
    path("opengdpr_requests", views.requests, OLD, name="opengdpr-requests-at-root"),
    path("opengdpr_requests/<str:number>", views.one, name="opengdpr-request-at-root"),
]
