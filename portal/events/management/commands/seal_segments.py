"""Seals the blocks that wait into segments."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from portal.events import sealing


class Command(BaseCommand):
    help = "Seal what collectors sent into one object a person and day; prints how many days were sealed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--finished", action="store_true", help="leave out days that may still go on")

    def handle(self, *args: Any, **options: Any) -> None:
        days = sealing.due(timezone.now()) if options["finished"] else sealing.waiting()
        done, left = sealing.seal(days)
        self.stdout.write(json.dumps({"sealed": done, "waiting": left}))
