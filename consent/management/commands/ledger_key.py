"""Make the signing key of the ledger, hand over to a new one, or let the oldest go."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from consent import keyfile


class Command(BaseCommand):
    help = "Make the signing key of the ledger, hand over to a new one, or let the oldest go."

    def add_arguments(self, parser: CommandParser) -> None:
        one = parser.add_mutually_exclusive_group()
        one.add_argument("--rotate", action="store_true", help="Add a key; until --retire, all of them sign.")
        one.add_argument("--retire", action="store_true", help="Let the oldest key sign no more.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._say(self._done(**options), options["verbosity"])
        except keyfile.Unusable as error:
            raise CommandError(str(error)) from error

    def _done(self, *, rotate: bool, retire: bool, **options: Any) -> str:
        if rotate:
            return f"ledger.vkey: added {keyfile.rotate()}; every key in ledger.key signs until --retire"
        if retire:
            return f"ledger.key: signs no more with {keyfile.retire()}, which stays in ledger.vkey"
        return "ledger.key: made" if keyfile.make() else ""

    def _say(self, text: str, verbosity: int) -> None:
        if text and verbosity:
            self.stdout.write(text)
