"""Make the signing key of the ledger, and ledger.vkey beside it, where there is none."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from consent import checkpoints


class Command(BaseCommand):
    help = "Make the signing key of the ledger, and ledger.vkey beside it, where there is none."

    def handle(self, *args: Any, **options: Any) -> None:
        made = checkpoints.make_key()
        if made and options["verbosity"]:
            self.stdout.write("ledger.key: made")
