"""Apply to this database what the journal outside it has and it lacks, after a backup was restored."""

from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from consent import journal, ledger
from consent.recovery import replay
from portal.events.adoption import NoKeys
from portal.rights.recovery import applying
from portal.vault.kek import UnknownKek
from portal.vault.kekfile import NoKek

# What stands in no journal. Each line is so whatever the counts are.
NOT_KEPT = (
    "mails that were written or sent since the backup",
    "people, roles, passwords and API clients as they were changed since: read the directory in again,"
    " end again the roles that were ended",
    "the register as it was changed since: apply and approve the policy again",
    "acts of the trail since, but for accesses, decisions and deletions",
    "notes, messages and files of cases since",
    "events that arrived since and were not sealed into a day: devices that still have them send them again",
)


class Command(BaseCommand):
    """Begins again wherever it was stopped; ends with the ledger read again."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--if-needed", action="store_true", help="Do nothing, and say nothing, where nothing is.")
        parser.add_argument("--restored", action="store_true", help="The database or the vault was restored by hand.")

    def handle(self, *, if_needed: bool, restored: bool, **options: Any) -> None:
        if restored:
            journal.know(journal.state().journal_end, recovering=True)
        ledger.settle()
        if if_needed and not replay.is_needed():
            return
        try:
            report = applying.run()
        except (replay.CannotReplay, NoKeys, NoKek, UnknownKek) as error:
            ledger.check()
            raise CommandError(f"the journal cannot be applied: {error or type(error).__name__}") from error
        self._say(report)
        if reason := report.closed or ledger.verify():
            raise CommandError(reason)
        self.stdout.write(f"ledger: ok, {ledger.size()} entries")

    def _say(self, report: applying.Report) -> None:
        self._list("applied again", report.applied)
        self._list("LOST", report.lost)
        self.stdout.write("not in the journal, and as the backup has it:")
        for line in NOT_KEPT:
            self.stdout.write(f"  {line}")

    def _list(self, title: str, counted: Counter[str]) -> None:
        self.stdout.write(f"{title}:")
        rows = sorted((+counted).items())
        for name, count in rows:
            self.stdout.write(f"  {count:8} {name}")
        if not rows:
            self.stdout.write("         nothing")
