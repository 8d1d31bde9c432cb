"""Deletes what is over, of everybody or of some, without waiting for the night."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.people.subjects import find
from portal.rights.retention import people, running, telling


class Command(BaseCommand):
    help = "Delete what was kept for as long as it may be; prints how many people are through, wait or fail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--person", metavar="NUMBER", help="only this person")
        parser.add_argument("--status", action="store_true", help="delete nothing, only say how it stands")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["person"]:
            employee = find(options["person"])
            if employee is None:
                raise CommandError("there is no such person")
            running.finish([employee.pk])
        elif not options["status"]:
            while few := people.some():
                running.finish(few)
        self.stdout.write(json.dumps(asdict(telling.standing()), default=str))
