"""Copy the keyring, as the keys database has it now, into a file of its own: never beside a backup of the data."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.vault import kek, keyring


class Command(BaseCommand):
    """Only the newest copy is of use: one from before a renewal of the key-encryption key opens nothing."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="Replaced, if it is there.")

    def handle(self, *, file: str, **options: Any) -> None:
        target = Path(file).resolve()
        if backup := keyring.backup_beside(target):
            raise CommandError(f"{backup} is a backup of the data: the two must never lie together")
        with kek.still():
            rows = keyring.write_to(target)
        self.stdout.write(f"wrote {rows} rows")
