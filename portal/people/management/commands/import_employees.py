"""Takes the company's directory over from a CSV file."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.people import directory
from portal.people.cli import command_actor
from portal.people.roster import Roster, TooManyAbsent


class Command(BaseCommand):
    help = "Admit or update everybody in FILE.csv; print one JSON line a person."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv")
        parser.add_argument("--full", action="store_true", help="deactivate who is not in the file")
        parser.add_argument("--allow-deactivate", type=int, metavar="N", help="at most so many, with --full")

    def handle(self, *args: Any, file: Path, full: bool, allow_deactivate: int | None, **options: Any) -> None:
        try:
            lines = list(directory.read(file.read_bytes()))
        except (OSError, directory.BadFile) as error:
            message = f"{file}: {error}"
            raise CommandError(message) from error
        roster = Roster(lines, command_actor("import_employees"))
        roster.take_over()
        for entry in roster.entries:
            self._say(entry.answer())
        if full:
            self._deactivate(roster, allow_deactivate)

    def _deactivate(self, roster: Roster, allowed: int | None) -> None:
        try:
            gone = roster.deactivate_absent(allowed)
        except TooManyAbsent as error:
            raise CommandError(str(error)) from error
        for employee in gone:
            self._say(
                {
                    "employee_number": employee.employee_number,
                    "subject_id": str(employee.pk),
                    "deactivated": True,
                }
            )

    def _say(self, answer: dict[str, Any]) -> None:
        self.stdout.write(json.dumps(answer))
