"""Checks every certificate of deletion again: signature, entry in the log, keys, and that the data stays gone."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from portal.rights import checking


class Command(BaseCommand):
    help = "Check every certificate of deletion again; exits 1 where one does not hold."

    def handle(self, *args: Any, **options: Any) -> None:
        holding, failing = checking.check_due(everything=True)
        self.stdout.write(f"{holding} certificates hold")
        if failing:
            said = "\n".join(f"{request.pk}: {', '.join(wrong)}" for request, wrong in failing)
            raise CommandError(f"these do not hold:\n{said}", returncode=1)
