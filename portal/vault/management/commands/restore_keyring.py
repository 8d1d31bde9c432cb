"""Fill an empty keys database from the newest copy outside it, or from a copy of that which was kept elsewhere."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.vault import keyring


class Command(BaseCommand):
    """A database that still has rows is newer than any copy of it."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", help="A copy kept elsewhere; only where there is none here.")

    def handle(self, *, file: str | None, **options: Any) -> None:
        try:
            if file:
                keyring.take_in(Path(file))
            rows = keyring.restore()
        except keyring.NotEmpty as error:
            raise CommandError("the keys database is not empty: nothing was restored") from error
        except (keyring.Newer, keyring.Dead, OSError) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"restored {rows} rows")
