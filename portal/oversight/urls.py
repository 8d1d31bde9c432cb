"""Addresses of the pages of those who watch."""

from __future__ import annotations

from django.urls import path

from portal.oversight import views, views_endpoints

urlpatterns = [
    path("oversight/answers/", views.answers, name="answers"),
    path("oversight/drafts/", views.drafts, name="drafts"),
    path("oversight/drafts/approve", views.approve_drafts, name="approve-drafts"),
    path("oversight/senders/", views.senders, name="senders"),
    path("endpoints/", views_endpoints.endpoints, name="endpoints"),
    path("endpoints/<uuid:endpoint_id>/", views_endpoints.endpoint, name="endpoint"),
    path("endpoints/<uuid:endpoint_id>/replay", views_endpoints.replay, name="endpoint-replay"),
    path("endpoints/<uuid:endpoint_id>/switch", views_endpoints.switch, name="endpoint-switch"),
    path("oversight/senders/mail", views.try_mail_again, name="try-mail-again"),
]
