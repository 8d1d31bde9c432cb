"""Makes and ends the programs that may call the API."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.people import programs
from portal.people.cli import command_actor
from portal.people.models import ApiClient


class Command(BaseCommand):
    help = "create NAME --scopes ... prints client_id and client_secret as one JSON line; list; end CLIENT_ID."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create")
        create.add_argument("name", metavar="NAME")
        create.add_argument("--scopes", required=True, help="separated by spaces")
        create.add_argument("--sources", default="", help="keys of sources it may write for")
        create.add_argument("--may-read-decisions", action="store_true")
        verbs.add_parser("list", help="one JSON line a client")
        end = verbs.add_parser("end")
        end.add_argument("client_id", metavar="CLIENT_ID")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        if verb == "create":
            self._create(options)
        elif verb == "list":
            self._list()
        elif not programs.end_client(client_id=options["client_id"], by=command_actor("api_client")):
            message = f"There is no client {options['client_id']!r}."
            raise CommandError(message)

    def _list(self) -> None:
        for each in ApiClient.objects.select_related("client").order_by("client__created_at"):
            may = {"scopes": each.client.get_scopes(), "sources": each.sources}
            line = {"client_id": each.client_id, "name": each.client.name, **may}
            self.stdout.write(json.dumps(line | {"may_read_decisions": each.may_read_decisions}))

    def _create(self, options: dict[str, Any]) -> None:
        try:
            made = programs.create_client(
                name=options["name"],
                scopes=_words(options["scopes"]),
                sources=_words(options["sources"]),
                may_read_decisions=options["may_read_decisions"],
                by=command_actor("api_client"),
            )
        except programs.NotCreated as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps({"client_id": made.client_id, "client_secret": made.client_secret}))


def _words(text: str) -> list[str]:
    return list(dict.fromkeys(text.replace(",", " ").split()))
