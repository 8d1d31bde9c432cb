"""Drafts a policy file, and brings drafts live."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.audit.values import Actor
from portal.people.cli import acting
from portal.people.models import Employee
from portal.people.roles import Role
from portal.register import policy


class Command(BaseCommand):
    help = "apply FILE.yaml drafts what is new; approve brings it live, or prints what is missing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        draft = verbs.add_parser("apply")
        draft.add_argument("file", type=Path, metavar="FILE.yaml")
        for verb in (draft, verbs.add_parser("approve")):
            verb.add_argument("--by", required=True, metavar="NUMBER", help="who does it")

    def handle(self, *args: Any, verb: str, by: str, **options: Any) -> None:
        person, actor = acting(by)
        if verb == "apply":
            self._apply(options["file"], actor)
        else:
            self._approve(person, actor)

    def _apply(self, file: Path, actor: Actor) -> None:
        try:
            draft = policy.apply(policy.load(file.read_text(encoding="utf-8")), by=actor)
        except (OSError, UnicodeDecodeError, policy.PolicyFaults) as error:
            message = f"{file}:\n{error}"
            raise CommandError(message) from error
        if draft is None:
            self.stdout.write("nothing new")
        else:
            self.stdout.write(f"draft {draft.pk} waits for approval by somebody else")

    def _approve(self, person: Employee, actor: Actor) -> None:
        role = next((each for each in (Role.LEGAL, Role.COUNCIL) if each in person.roles), None)
        if role is None:
            message = f"Employee {person.employee_number!r} is neither legal nor council, who approve."
            raise CommandError(message)
        missing = policy.approve(by=actor, role=role)
        said = "not live yet; missing:\n" + "\n".join(f"- {each}" for each in missing) if missing else "live"
        # A yes that only waits for the other role's is no failure of this command.
        if missing and not policy.approved_by(actor.id):
            raise CommandError(said)
        self.stdout.write(said)
