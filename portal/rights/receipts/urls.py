"""Addresses of receipts."""

from __future__ import annotations

from django.urls import path

from portal.rights.receipts import views as views

urlpatterns = [
    path("", views.receipts, name="receipts"),
    path("verify/", views.verify, name="verify-receipt"),
    path("verify/verify_receipt.py", views.script, name="verify-script"),
    path("verify/ledger.vkey", views.keys, name="verify-keys"),
    path("<int:index>/", views.receipt, name="receipt"),
    path("<int:index>.tlog-proof", views.proof, name="receipt-proof"),
    path("<int:index>.jsonld", views.linked_data, name="receipt-jsonld"),
]
