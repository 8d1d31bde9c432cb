"""Put a backup in place of the database; the site then stays closed until replay_journal has run."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from portal.backups import embedded, manifest, restoring
from portal.backups.manifest import Unusable
from portal.backups.programs import Failed
from portal.stack.config import CannotStart


class Command(BaseCommand):
    """Refuses while Daylight runs; a failure leaves the database as it was."""

    help = __doc__
    # The database may not be there yet.
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder")

    def handle(self, *, folder: str, **options: Any) -> None:
        var = Path(settings.VAR)
        try:
            manifest.read(Path(folder), settings.LEDGER_ORIGIN)
            with restoring.nobody_runs(var), embedded.started(var):
                call_command("migrate", database="keys", verbosity=0)
                found = restoring.restore(Path(folder))
        except (Unusable, Failed, CannotStart, OSError) as error:
            raise CommandError(f"nothing was restored: {error}") from error
        self.stdout.write(f"restored the backup of {found.made}, with {found.leaves} ledger entries")
        self.stdout.write("Start Daylight now: it applies the journal first, and is closed until it has.")
