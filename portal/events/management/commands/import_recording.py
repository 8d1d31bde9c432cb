"""`import_recording --format FORMAT FILE --employee N --source KEY [--start TIME] [--participant P]`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from portal.events.importers.base import Format
from portal.events.importers.formats import FORMATS
from portal.events.importers.intake import Job, take_in
from portal.events.importers.source import Unreadable
from portal.http import Problem
from portal.people import subjects
from portal.people.models import Employee
from portal.register.models import Source


class Command(BaseCommand):
    """Prints one JSON line: records, events by type, what was set aside and what the person's choices withheld."""

    help = "Take in a recording of one employee; a second run of the same file stores nothing new."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path, help="the recording, packed with gzip or not")
        parser.add_argument("--format", required=True, choices=sorted(FORMATS))
        parser.add_argument("--employee", required=True, help="employee number or subject_id")
        parser.add_argument("--source", required=True, help="key of the source it comes from")
        parser.add_argument(
            "--start",
            help="time of the first event with its zone, such as 2026-03-02T09:00:00+01:00; all others keep their "
            "distance from it. Needed where a recorder only counts; elsewhere the recorded times hold without it",
        )
        parser.add_argument("--participant", default="", help="whose records count, where a file holds several people")

    def handle(self, *args: Any, **options: Any) -> None:
        form = FORMATS[options["format"]]
        job = Job(
            employee=_employee(options["employee"]),
            source=_source(options["source"]),
            start_ms=_start_ms(options["start"], form),
            participant=_participant(options["participant"], form),
        )
        try:
            outcome = take_in(options["file"], form, job)
        except Unreadable as error:
            raise CommandError(str(error)) from error
        except Problem as error:
            raise CommandError(f"{error.code}: {error.detail}") from error
        self.stdout.write(json.dumps(outcome.as_json()))


def _employee(name: str) -> Employee:
    employee = subjects.find(name)
    if employee is None or not employee.is_active:
        raise CommandError(f"There is no active employee {name!r}.")
    return employee


def _source(key: str) -> Source:
    source = Source.objects.live().filter(pk=key).first()
    if source is None:
        raise CommandError(f"There is no live source {key!r}.")
    return source


def _participant(name: str, form: Format) -> str:
    if name and not form.several:
        raise CommandError(f"A {form.name} recording is of one person: --participant means nothing there.")
    return name.strip()


def _start_ms(text: str | None, form: Format) -> int | None:
    """A recorder that only counts says nothing of the day or the zone, so whoever brings its file in must."""
    if text is None:
        if not form.dated:
            raise CommandError(f"A {form.name} recording does not say when it began: give --start.")
        return None
    try:
        start = parse_datetime(text)
    except ValueError as error:
        raise CommandError(f"--start is no time: {error}") from error
    if start is None or start.tzinfo is None:
        raise CommandError("--start needs date, time and zone, such as 2026-03-02T09:00:00+01:00.")
    return round(start.timestamp() * 1000)
