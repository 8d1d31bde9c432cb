"""Addresses about leaving: one's own, those reached with a code, and those of human resources."""

from __future__ import annotations

from django.urls import path

from portal.rights.leaving import views, views_leavers, views_staff

urlpatterns = [
    path("leaving/", views.leaving, name="leaving"),
    path("leavers/", views_leavers.enter, name="leavers"),
    path("leavers/kept/", views_leavers.kept, name="leavers-kept"),
    path("leavers/mine/", views_leavers.mine, name="leavers-mine"),
    path("leavers/copy/", views_leavers.copy, name="leavers-copy"),
    path("leavers/erase/", views_leavers.erase, name="leavers-erase"),
    path("leavers/receipts.zip", views_leavers.receipts, name="leavers-receipts"),
    path("leavers/end/", views_leavers.end, name="leavers-end"),
    path("leavers/requests/<uuid:pk>/", views_leavers.request_page, name="leavers-request"),
    path("leavers/requests/<uuid:pk>/download", views_leavers.download, name="leavers-download"),
    path("leavers/requests/<uuid:pk>/certificate.json", views_leavers.certificate, name="leavers-certificate"),
    path("leavers/requests/<uuid:pk>/cancel/", views_leavers.cancel, name="leavers-cancel"),
    path("queue/leavers/", views_staff.leavers, name="leavers-staff"),
    path("queue/leavers/certificates/<uuid:pk>/", views_staff.certificate, name="leavers-handed"),
    path("queue/leavers/<uuid:subject_id>/send/", views_staff.send, name="leavers-send"),
    path("queue/leavers/<uuid:subject_id>/revoke/", views_staff.revoke, name="leavers-revoke"),
    path("queue/leavers/<uuid:subject_id>/account/", views_staff.account, name="leavers-account"),
]
