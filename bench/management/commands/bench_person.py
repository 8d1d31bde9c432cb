"""A person with many events; prints whose they are as JSON, and writes the rival's rows where asked."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from bench import people
from consent import actions
from portal.register.models import Source
from tests.makers import make_employee, make_permitted


class Command(BaseCommand):
    help = "Store events of somebody new."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--events", type=int, required=True)
        parser.add_argument("--days", type=int, required=True)
        parser.add_argument("--rows", type=Path)
        parser.add_argument("--people", type=int, default=1)

    def handle(self, *args: Any, **options: Any) -> None:
        for _ in range(options["people"]):
            self._one(options["events"], options["days"], options["rows"], signs_in=options["people"] == 1)

    def _one(self, events: int, days: int, rows: Path | None, *, signs_in: bool) -> None:
        # A hash takes longer than all else here, and of many nobody signs in.
        password = secrets.token_urlsafe(16) if signs_in else ""
        person = make_employee("Bench", password=password, employee_number=secrets.token_hex(6))
        if Source.objects.filter(pk=people.SOURCE).exists():
            actions.give(subject_id=person.pk, purpose_key=people.PURPOSE, path="bench")
        else:
            make_permitted(person, purpose=people.PURPOSE, source=people.SOURCE)
        last = timezone.now().date()
        people.store(person, people.days(events, days, last))
        if rows:
            people.write_rows(person.pk, people.days(events, days, last), rows)
        self.stdout.write(json.dumps({"subject": str(person.pk), "email": person.email, "password": password}))
