"""Drafts a policy file, brings drafts live, and says what a file would change."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.people.cli import acting
from portal.people.models import Employee
from portal.people.roles import Role
from portal.register import difference, document, export, laws, policy


def _read(file: Path) -> policy.Policy:
    return policy.load(file.read_text(encoding="utf-8"))


@contextmanager
def _faults_of(file: Path) -> Iterator[None]:
    """Say of a file that cannot be taken where it is wrong."""
    try:
        yield
    except (OSError, UnicodeDecodeError, policy.PolicyFaults) as error:
        message = f"{file}:\n{error}"
        raise CommandError(message) from error


class Command(BaseCommand):
    help = (
        "apply FILE.yaml drafts what is new; approve brings it live, or prints what is missing; diff FILE.yaml says "
        "what would begin and end and how many would be asked again; export prints what is live; schema prints the "
        "JSON Schema of a file."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb in ("apply", "diff", "approve", "export", "schema"):
            one = verbs.add_parser(verb)
            if verb in ("apply", "diff"):
                one.add_argument("file", type=Path, metavar="FILE.yaml")
            if verb in ("apply", "approve"):
                one.add_argument("--by", required=True, metavar="NUMBER", help="who does it")

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        getattr(self, f"_{verb}")(**options)

    def _export(self, **options: Any) -> None:
        self.stdout.write(export.to_yaml(export.live()), ending="")

    def _schema(self, **options: Any) -> None:
        self.stdout.write(document.schema(), ending="")

    def _diff(self, file: Path, **options: Any) -> None:
        with _faults_of(file):
            found = policy.compare(_read(file))
        for line in difference.lines(found):
            self.stdout.write(line)

    def _apply(self, file: Path, by: str, **options: Any) -> None:
        _person, actor = acting(by)
        with _faults_of(file):
            draft = policy.apply(_read(file), by=actor)
        if draft is None:
            self.stdout.write("nothing new")
        else:
            self.stdout.write(f"draft {draft.pk} waits for approval by somebody else")

    def _approve(self, by: str, **options: Any) -> None:
        person, actor = acting(by)
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
        if not missing:
            self._remind()

    def _remind(self) -> None:
        """Whose law asks for a notice nobody wrote: only here is it known where people work."""
        places = Employee.objects.filter(is_active=True).values_list("jurisdiction", flat=True)
        for law in laws.unmet(places):
            self.stderr.write(
                f"note: people work in {law.jurisdiction}, where {law.law} asks for a notice that they confirm: "
                "add a purpose with `must_acknowledge: true` for them"
            )
