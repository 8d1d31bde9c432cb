"""Fill an empty keys database from the newest copy outside it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.vault import keyring


class Command(BaseCommand):
    """A database that still has rows is newer than any copy of it."""

    help = __doc__

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            rows = keyring.restore()
        except keyring.NotEmpty as error:
            raise CommandError("the keys database is not empty: nothing was restored") from error
        self.stdout.write(f"restored {rows} rows")
