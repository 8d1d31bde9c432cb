"""Addresses of the queue, of cases, of what is written in them, and of copies fetched with a code."""

from __future__ import annotations

from django.urls import path

from portal.rights.cases import views, views_delivery, views_entries, views_intake

urlpatterns = [
    path("queue/", views.queue, name="queue"),
    path("queue/<uuid:pk>/", views.case, name="case"),
    path("queue/<uuid:pk>/approve/", views.approve, name="approve"),
    path("queue/<uuid:pk>/refuse/", views.refuse, name="refuse-request"),
    path("queue/<uuid:pk>/take-back/", views.take_back, name="refusal-taken-back"),
    path("queue/<uuid:pk>/retry/", views.retry, name="retry"),
    path("queue/<uuid:pk>/take/", views.take, name="take-case"),
    path("queue/<uuid:pk>/let-go/", views.let_go, name="let-case-go"),
    path("queue/<uuid:pk>/note/", views_entries.note, name="case-note"),
    path("queue/<uuid:pk>/message/", views_entries.message, name="case-message"),
    path("queue/<uuid:pk>/files/<uuid:file_pk>", views_entries.case_file, name="case-file"),
    path("queue/<uuid:pk>/code/", views_delivery.make, name="code"),
    path("queue/<uuid:pk>/code/end/", views_delivery.end, name="code-end"),
    path("queue/<uuid:pk>/code/<str:half>/", views_delivery.half, name="code-half"),
    path("queue/new/", views_intake.new, name="intake-new"),
    path("queue/unknown/<uuid:intake_pk>/", views_intake.one, name="intake"),
    path("queue/unknown/<uuid:intake_pk>/take/", views_intake.take, name="intake-take"),
    path("queue/unknown/<uuid:intake_pk>/note/", views_intake.note, name="intake-note"),
    path("queue/unknown/<uuid:intake_pk>/match/", views_intake.match, name="intake-match"),
    path("queue/unknown/<uuid:intake_pk>/ending/", views_intake.ending, name="intake-ending"),
    path("queue/unknown/<uuid:intake_pk>/ending/back/", views_intake.ending_back, name="intake-ending-back"),
    path("queue/unknown/<uuid:intake_pk>/files/<uuid:scan_pk>", views_intake.scan, name="intake-file"),
    path("requests/<uuid:pk>/message/", views_entries.answer, name="request-message"),
    path("requests/<uuid:pk>/again/", views_entries.again, name="request-again"),
    path("requests/<uuid:pk>/files/<uuid:file_pk>", views_entries.request_file, name="request-file"),
    path("fetch/", views_delivery.fetch, name="fetch"),
]
