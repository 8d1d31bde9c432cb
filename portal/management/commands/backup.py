"""Write the database, the sealed objects, the journal and the checkpoints into a folder; no key goes with them."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.backups import making
from portal.backups.manifest import Unusable
from portal.backups.programs import Failed


class Command(BaseCommand):
    """May run while the site is in use."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", help="Made by this; it must not be there, or be empty.")

    def handle(self, *, folder: str, **options: Any) -> None:
        try:
            made = making.make(Path(folder).resolve())
        except (Unusable, Failed, OSError) as error:
            raise CommandError(f"no backup was made: {error}") from error
        count = len(list(made.paths(making.OBJECTS)))
        self.stdout.write(f"backed up: the database with {made.leaves} ledger entries, and {count} objects")
        self.stdout.write("not in it: the keyring (backup_keyring) and the key files; never keep those beside it")
