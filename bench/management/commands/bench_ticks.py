"""Run what beat repeats within minutes once each, and print the milliseconds that each took as JSON."""

from __future__ import annotations

import json
import time
from typing import Any

from django.core.management.base import BaseCommand

from portal.celery import app

LONGEST_SECONDS = 300
TURNS = 3


class Command(BaseCommand):
    help = "Measure the repeated work when there is little to do."

    def handle(self, *args: Any, **options: Any) -> None:
        app.loader.import_default_modules()
        often = {
            name: each["task"] for name, each in app.conf.beat_schedule.items() if _seconds(each) <= LONGEST_SECONDS
        }
        self.stdout.write(json.dumps({name: min(self._ms(task) for _ in range(TURNS)) for name, task in often.items()}))

    def _ms(self, task: str) -> float:
        began = time.perf_counter()
        app.tasks[task].apply(throw=True)
        return (time.perf_counter() - began) * 1000


def _seconds(entry: dict[str, Any]) -> float:
    return float(entry["schedule"])
