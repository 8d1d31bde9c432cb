"""Gives and takes roles: one person grants, another confirms."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.audit.values import Actor
from portal.people import granting
from portal.people.cli import acting, employee_of, role_of
from portal.people.models import Employee
from portal.people.roles import Role


class Command(BaseCommand):
    help = "grant | confirm | end a ROLE of employee NUMBER, in the name of another."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["grant", "confirm", "end"])
        parser.add_argument("number", metavar="NUMBER")
        parser.add_argument("role", metavar="ROLE")
        parser.add_argument("--by", required=True, metavar="NUMBER", help="who grants, confirms or ends it")
        parser.add_argument("--ends", type=date.fromisoformat, metavar="YYYY-MM-DD", help="grant: at most a year")

    def handle(self, *args: Any, verb: str, number: str, role: str, by: str, ends: date | None, **options: Any) -> None:
        employee, wanted = employee_of(number), role_of(role)
        person, actor = acting(by)
        try:
            self.stdout.write(self._do(verb, employee, wanted, person, actor, ends))
        except granting.NotGranted as error:
            raise CommandError(str(error)) from error

    def _do(self, verb: str, employee: Employee, role: Role, person: Employee, actor: Actor, ends: date | None) -> str:
        number = employee.employee_number
        if verb == "grant":
            until = datetime(ends.year, ends.month, ends.day, tzinfo=UTC) if ends else None
            granting.grant_role(employee=employee, role=role, granter=person, ends=until, by=actor)
            return f"{number}: {role} is granted; another person has to confirm it"
        if verb == "confirm":
            grant = granting.confirm_role(employee=employee, role=role, confirmer=person, by=actor)
            return f"{number}: is {role} until {grant.ends.date()}"
        granting.end_role(employee=employee, role=role, by=actor)
        return f"{number}: is no longer {role}"
