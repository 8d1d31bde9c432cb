"""Makes the file with which a fleet tool installs a collector for one person; it waits for that person's answer."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.events.enrolment import files
from portal.people.cli import acting, employee_of
from portal.people.roles import Role


class Command(BaseCommand):
    """Prints the file: whoever has it can connect a device in the person's name until it is used or runs out."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--source", required=True, metavar="KEY")
        parser.add_argument("--employee", required=True, metavar="NUMBER", help="for whom")
        parser.add_argument("--by", required=True, metavar="NUMBER", help="an operator")
        parser.add_argument("--uses", type=int, default=1, help=f"on how many devices, at most {files.MOST_USES}")
        parser.add_argument("--days", type=int, default=7, help=f"until it runs out, at most {files.LONGEST.days}")

    def handle(self, *, source: str, employee: str, by: str, uses: int, days: int, **options: Any) -> None:
        operator, actor = acting(by)
        if Role.OPERATOR not in operator.roles:
            message = f"Employee {by!r} is no operator."
            raise CommandError(message)
        lasts, person = timedelta(days=days), employee_of(employee)
        try:
            made = files.make(employee=person, source_key=source, uses=uses, lasts=lasts, by=actor)
        except files.NotMade as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(made))
