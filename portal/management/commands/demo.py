"""`manage.py demo`: the demo company in the running stack; a second run changes nothing."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from consent.models import Purpose
from portal.demo.company import Company, company
from portal.demo.load import Loader
from portal.demo.memory import Memory
from portal.people.models import Employee
from portal.register.models import Source
from portal.stack.program import Unexpected


class Command(BaseCommand):
    """Asks the web that answers at the stack's address, so it must be running."""

    help = "Load a demo company of thirty people and print its sign-ins."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
        parser.add_argument("--origin", default=settings.ORIGIN, help="address of the running site")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DEMO:
            raise CommandError("This is no demo: its sign-ins are public. DAYLIGHT_DEMO=1 says that it is one.")
        wanted = company()
        memory = Memory.read(settings.VAR / "demo.json", afresh=not Employee.objects.exists())
        try:
            Loader(wanted, memory, options["origin"]).run()
        except (Unexpected, OSError) as error:
            raise CommandError(f"The site at {options['origin']} does not answer as it must: {error}") from error
        self._print(_facts(wanted), as_json=options["json"])

    def _print(self, facts: dict[str, Any], *, as_json: bool) -> None:
        if as_json:
            self.stdout.write(json.dumps(facts, ensure_ascii=False))
            return
        for person in facts["people"]:
            self.stdout.write(f"{person['email']:40} {person['password']:26} {', '.join(person['roles'])}")


def _facts(wanted: Company) -> dict[str, Any]:
    """What a check needs in order to sign in as somebody and to send something."""
    people = Employee.objects.filter(employee_number__in=wanted.numbers, is_active=True).order_by("employee_number")
    return {
        "people": [_person(each, wanted.password) for each in people],
        "sources": [{"key": each.key, "kind": each.kind} for each in _agents_first()],
        "purposes": [
            {"key": each.key, "basis": each.basis, "categories": each.categories}
            for each in Purpose.objects.live().order_by("key")
            if each.categories
        ],
    }


def _person(employee: Employee, password: str) -> dict[str, Any]:
    return {
        "employee_number": employee.employee_number,
        "subject_id": str(employee.pk),
        "email": employee.email,
        "password": password,
        "roles": ["employee", *sorted(employee.roles)],
    }


def _agents_first() -> list[Source]:
    return sorted(Source.objects.live(), key=lambda source: (source.kind != "agent", source.key))
