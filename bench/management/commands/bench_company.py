"""One person who said yes, and a program that may send about them; prints both as JSON."""

from __future__ import annotations

import json
import secrets
from typing import Any

from django.core.management.base import BaseCommand

from tests.makers import make_employee, make_permitted, make_token


class Command(BaseCommand):
    help = "Set up whom the bench sends about."

    def handle(self, *args: Any, **options: Any) -> None:
        person = make_employee("Bench", password=secrets.token_urlsafe(16))
        source = make_permitted(person)
        token = make_token("events.write", sources=[source.key])
        self.stdout.write(json.dumps({"subject": str(person.pk), "token": token}))
