"""Tells what was allowed of a person at a past moment: a read of their decisions, written down before the answer."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from consent.values import Closed
from portal.audit import trail
from portal.audit.values import Action, ReadPurpose
from portal.people.cli import command_actor, employee_of
from portal.people.models import Employee
from portal.rights.choices import explaining
from portal.rights.choices.moments import Unreadable, read_time


class Command(BaseCommand):
    help = "explain PERSON TIME: what was allowed then, under which text, by which decision, what kept the rest out."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["explain"])
        parser.add_argument("person", metavar="PERSON", help="employee number or subject_id")
        parser.add_argument(
            "time", metavar="TIME", nargs="+", help="RFC 3339, or YYYY-MM-DD HH:MM on the person's own clock"
        )
        parser.add_argument("--purpose", choices=list(ReadPurpose), default=ReadPurpose.SUBJECT_REQUEST)
        parser.add_argument("--case", default="", help="the request, incident or claim that it is for")

    def handle(self, *args: Any, person: str, time: list[str], purpose: ReadPurpose, case: str, **options: Any) -> None:
        employee = employee_of(person)
        zone = ZoneInfo(employee.time_zone)
        try:
            at = read_time(" ".join(time), zone)
        except Unreadable as error:
            raise CommandError(str(error)) from error
        try:
            self._write_down(employee, str(purpose), case)
        except Closed as error:
            message = "The log does not hold, so this read cannot be written down: nothing is told."
            raise CommandError(message) from error
        with timezone.override(zone):
            for line in explaining.as_text(employee, explaining.explain(employee, at)):
                self.stdout.write(line)

    def _write_down(self, employee: Employee, purpose: str, case: str) -> None:
        trail.access(
            Action.DECISIONS_READ,
            actor=command_actor("gate explain"),
            subject_id=employee.pk,
            purpose=purpose,
            case=case[:64],
        )
