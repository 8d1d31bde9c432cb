"""A program of the kind that opens or that handles requests; prints its token as JSON."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from tests.makers import make_token

SCOPES = {"opens": "requests.open requests.read", "handles": "requests.read requests.handle"}


class Command(BaseCommand):
    help = "Make a program."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", choices=SCOPES)

    def handle(self, *args: Any, **options: Any) -> None:
        token = make_token(SCOPES[options["name"]], name=options["name"])
        self.stdout.write(json.dumps({"token": token}))
