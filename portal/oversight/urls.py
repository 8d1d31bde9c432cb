"""Addresses of the pages of those who watch."""

from __future__ import annotations

from django.urls import path

from portal.oversight import views

urlpatterns = [
    path("oversight/answers/", views.answers, name="answers"),
    path("oversight/drafts/", views.drafts, name="drafts"),
    path("oversight/drafts/approve", views.approve_drafts, name="approve-drafts"),
    path("oversight/senders/", views.senders, name="senders"),
    path("oversight/senders/mail", views.try_mail_again, name="try-mail-again"),
]
