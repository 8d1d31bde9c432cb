"""`manage.py sweep`: goes on with requests without a broker; `--once` stops when nothing is due."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from portal.rights import expiry, renewal, runner
from portal.rights.models import SubjectRequest


class Command(BaseCommand):
    help = "Go on with subject requests in this process, and renew keys and remove old copies when due."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop when nothing is due at this moment")

    def handle(self, *args: Any, **options: Any) -> None:
        while True:
            advanced = sweep()
            if options["once"] and not advanced:
                return
            if not advanced:
                time.sleep(settings.SWEEP_SECONDS)


def sweep() -> int:
    """Do one round; return how many requests were due."""
    renewal.renew_if_due()
    expiry.expire()
    due = list(SubjectRequest.objects.unclaimed().order_by("due").values_list("pk", flat=True))
    for request_id in due:
        runner.finish_all(request_id)
    return len(due)
