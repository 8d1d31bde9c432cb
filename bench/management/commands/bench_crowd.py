"""Fill the company with people; the first time also make who is asked about them, printed as JSON."""

from __future__ import annotations

import json
import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from bench import crowd, people
from tests.makers import make_employee, make_permitted, make_token


class Command(BaseCommand):
    help = "Add many people with their days."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--people", type=int, default=0)
        parser.add_argument("--days", type=int, default=30)
        parser.add_argument("--batches", type=int, default=4)
        parser.add_argument("--first", type=int, default=0)
        parser.add_argument("--found", action="store_true", help="make source, purpose, HR and a sender")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["found"]:
            self.stdout.write(json.dumps(_found()))
        crowd.load(options["people"], options["days"], options["batches"], options["first"])


def _found() -> dict[str, str]:
    password = secrets.token_urlsafe(16)
    hana = make_employee("Hana", roles=["hr"], password=password)
    sent_about = make_employee("Bench", password=password)
    make_permitted(sent_about, purpose=people.PURPOSE, source=people.SOURCE)
    token = make_token("events.write", sources=[people.SOURCE])
    return {"hr": hana.email, "password": password, "subject": str(sent_about.pk), "token": token}
