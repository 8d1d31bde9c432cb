"""Carries one request of a person out in this process; prints the seconds, in all and step by step, as JSON."""

from __future__ import annotations

import json
import time
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser

from portal.audit.values import Actor, ActorKind
from portal.rights import actions, bundle, runner
from portal.rights.models import SubjectRequest
from portal.rights.values import State

# What is measured of an erasure ends with the old key; the rest is printed beside it.
LAST_STEP = "destroy_old_key"


class Command(BaseCommand):
    help = "Measure a copy or an erasure."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("subject", type=UUID)
        parser.add_argument("kind")
        parser.add_argument("--format", default="csv")
        parser.add_argument("--warm", type=UUID, help="somebody small, asked first and not measured")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["warm"]:
            self._ask(options["warm"], options)
        self.stdout.write(json.dumps(self._ask(options["subject"], options)))

    def _ask(self, subject_id: UUID, options: dict[str, Any]) -> dict[str, Any]:
        by = Actor(ActorKind.PERSON, str(subject_id), "employee")
        began = time.perf_counter()
        request = actions.open_request(kind=options["kind"], subject_id=subject_id, by=by, format=options["format"])
        steps = self._carry_out(request)
        found: dict[str, Any] = {"request": str(request.pk), "seconds": time.perf_counter() - began, "steps": steps}
        request.refresh_from_db()
        if request.state == State.READY:
            found |= self._read(request)
            # So that the next round has as much place as this one.
            bundle.remove_of(request)
        return found | {"state": request.state}

    def _carry_out(self, request: SubjectRequest) -> dict[str, float]:
        steps: dict[str, float] = {}
        while run := SubjectRequest.objects.get(pk=request.pk).current_step:
            began = time.perf_counter()
            more = runner.advance(request.pk)
            steps[run.name] = steps.get(run.name, 0) + time.perf_counter() - began
            if not more or run.name == LAST_STEP:
                break
        return steps

    def _read(self, request: SubjectRequest) -> dict[str, float]:
        """Return how long it takes to hand the archive out, and how big it is."""
        began = time.perf_counter()
        size = sum(len(chunk) for chunk in bundle.stream(request))
        return {"read_seconds": time.perf_counter() - began, "bytes": size}
