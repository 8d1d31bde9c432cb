"""Compare the tree with the checkpoints kept outside the database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consent import ledger


class Command(BaseCommand):
    help = "Compare the tree with the checkpoints kept outside the database."

    def handle(self, *args: Any, **options: Any) -> None:
        reason = ledger.check()
        if reason:
            raise CommandError(reason)
        self.stdout.write("ledger: extends the last checkpoint kept outside")
