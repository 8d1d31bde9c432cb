"""Make the keys that live outside the databases, where there are none."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Make the keys that live outside the databases, where there are none."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Being built."""
