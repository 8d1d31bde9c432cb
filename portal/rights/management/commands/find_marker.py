"""Searches every store for a text that was planted in somebody's data: after an erasure nothing may have it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.rights import searching


class Command(BaseCommand):
    help = "Read both databases, Redis, objects, files and logs for a text; exits 1 where it is found."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("text", help="what was planted, at least eight characters")

    def handle(self, *args: Any, text: str, **options: Any) -> None:
        try:
            found = searching.search(text)
        except ValueError as error:
            raise CommandError(str(error)) from error
        for store, count in sorted(found.read.items()):
            self.stdout.write(f"{store}: {count} read")
        wrong = [*found.hits, *(f"{place} could not be read" for place in found.unread)]
        if wrong:
            raise CommandError("\n".join(wrong), returncode=1)
        self.stdout.write("found nowhere")
