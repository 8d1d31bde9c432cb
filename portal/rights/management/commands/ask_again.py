"""Asks those once more who said no to a purpose long ago: by legal, and at most once in 90 days."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from consent import actions as consent
from consent.values import NotAllowed
from portal.audit import trail
from portal.audit.values import Action
from portal.people.cli import acting

WHY_NOT = {
    "purpose.not_live": "There is no live purpose of this key.",
    "purpose.asked_recently": "They were asked less than 90 days ago. A notice that asks for more asks by itself.",
}


class Command(BaseCommand):
    help = "Asks those whose no to PURPOSE is at least 90 days old once more, in the name of somebody of legal."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("purpose", metavar="PURPOSE")
        parser.add_argument("--by", required=True, metavar="NUMBER", help="who of legal asks")

    def handle(self, *args: Any, purpose: str, by: str, **options: Any) -> None:
        person, actor = acting(by)
        if not person.has_perm("register.change"):
            message = f"Employee {by!r} may not ask again: that is for legal."
            raise CommandError(message)
        try:
            with transaction.atomic():
                consent.ask_again(purpose_key=purpose)
                trail.record(Action.PURPOSE_ASKED_AGAIN, actor=actor, facts={"purpose": purpose})
        except NotAllowed as error:
            raise CommandError(WHY_NOT.get(error.code, error.code)) from error
        self.stdout.write(f"{purpose}: whoever said no at least 90 days ago finds the question under Choices again")
