"""Django's name for this part."""

from __future__ import annotations

from django.apps import AppConfig


class ConsentConfig(AppConfig):
    """Purposes, notices, decisions, the ledger and the gate."""

    name = "consent"
    label = "consent"
