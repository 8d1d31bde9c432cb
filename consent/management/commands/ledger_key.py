"""Make the signing key of the ledger, where there is none."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Make the signing key of the ledger, where there is none."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Being built."""
