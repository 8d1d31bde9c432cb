"""Gives a person a first password and, during set-up, roles; notes their last day, or closes the account."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from portal.people import actions, granting
from portal.people.cli import command_actor, employee_of, role_of
from portal.people.models import Employee
from portal.people.roles import Role


class Command(BaseCommand):
    help = (
        "Set the first password of employee NUMBER (read from standard input); during set-up, give roles; "
        "note the last day of somebody who leaves, and close the account of somebody who has left."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("number", metavar="NUMBER")
        parser.add_argument("--password-stdin", action="store_true")
        parser.add_argument("--role", action="append", default=[], metavar="ROLE", help="may be given more than once")
        parser.add_argument("--leaves", metavar="DATE", help="the last day, like 2026-12-31, or `now`")

    def handle(
        self, *args: Any, number: str, password_stdin: bool, role: list[str], leaves: str | None, **options: Any
    ) -> None:
        if not (password_stdin or role or leaves):
            message = "Nothing to do: give --password-stdin, --leaves DATE, or --role ROLE during set-up."
            raise CommandError(message)
        employee = employee_of(number)
        if leaves:
            self._leaves(employee, leaves)
            return
        if not employee.is_active:
            message = f"Employee {number!r} is not active."
            raise CommandError(message)
        for each in [role_of(text) for text in role]:
            self._grant(employee, each)
        if password_stdin:
            self._set_password(employee, sys.stdin.readline().rstrip("\r\n"))
            self.stdout.write(f"{number}: the password is set")

    def _leaves(self, employee: Employee, said: str) -> None:
        """Note the last day; of somebody who is gone already nothing is changed."""
        try:
            day = timezone.localdate() if said == "now" else date.fromisoformat(said)
        except ValueError as error:
            message = f"{said!r} is no day like 2026-12-31."
            raise CommandError(message) from error
        if employee.is_active:
            actions.set_last_day(employee=employee, leaves_on=day, by=command_actor("person"))
        if employee.is_active and said == "now":
            actions.deactivate(employee=employee, by=command_actor("person"))
        state = f"leaves on {day}" if employee.is_active else "the account is closed"
        self.stdout.write(f"{employee.employee_number}: {state}")

    def _grant(self, employee: Employee, role: Role) -> None:
        try:
            grant = granting.grant_in_set_up(employee=employee, role=role, by=command_actor("person"))
        except granting.NotGranted as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{employee.employee_number}: is {role} until {grant.ends.date()}")

    def _set_password(self, employee: Employee, password: str) -> None:
        if employee.has_usable_password() and not granting.in_set_up():
            message = (
                f"Employee {employee.employee_number!r} has a password of their own; "
                "they set a new one by 'Forgot your password?' on the sign-in page."
            )
            raise CommandError(message)
        try:
            validate_password(password, employee)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        actions.set_password(employee=employee, password=password, by=command_actor("person"))
