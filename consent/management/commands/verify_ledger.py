"""Read the whole ledger again; exit 1 at the first fault."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consent import ledger


class Command(BaseCommand):
    help = "Read the whole ledger again; exit 1 at the first fault."

    def handle(self, *args: Any, **options: Any) -> None:
        fault = ledger.verify()
        if fault:
            raise CommandError(fault)
        self.stdout.write(f"ledger: ok, {ledger.size()} entries")
