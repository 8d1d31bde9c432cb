"""Carries one request of a person out in this process; prints the seconds, in all and step by step, as JSON."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import wraps
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser

from portal.audit.values import Actor, ActorKind
from portal.rights import actions, bundle, handing, plans, runner
from portal.rights.models import SubjectRequest
from portal.rights.values import Cursor, State

# What is measured of an erasure: from the fence to the old key's end; the rest is printed beside it.
FIRST_STEP, LAST_STEP = "fence", "destroy_old_key"


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
        by, timed = Actor(ActorKind.PERSON, str(subject_id), "employee"), Timed(options["kind"])
        began = time.perf_counter()
        request = actions.open_request(kind=options["kind"], subject_id=subject_id, by=by, format=options["format"])
        with timed:
            runner.finish_all(request.pk)
        seconds = timed.ended.get(LAST_STEP, time.perf_counter()) - timed.began.get(FIRST_STEP, began)
        found: dict[str, Any] = {"request": str(request.pk), "seconds": seconds, "steps": timed.seconds}
        request.refresh_from_db()
        if request.state == State.READY:
            found |= self._read(request)
            # So that the next round has as much place as this one.
            bundle.remove_of(request)
        return found | {"state": request.state}

    def _read(self, request: SubjectRequest) -> dict[str, float]:
        """Return how long it takes to hand the archive out, and how big it is."""
        began = time.perf_counter()
        size = sum(len(chunk) for chunk in handing.stream(request))
        return {"read_seconds": time.perf_counter() - began, "bytes": size}


class Timed:
    """Times the steps of one kind of request while it is entered: how long each took, when it began and ended."""

    def __init__(self, kind: str) -> None:
        self.kind, self.plan = kind, plans.PLANS[kind]
        self.seconds: dict[str, float] = {}
        self.began: dict[str, float] = {}
        self.ended: dict[str, float] = {}

    def __enter__(self) -> None:
        plans.PLANS[self.kind] = replace(self.plan, steps=tuple(map(self._timed, self.plan.steps)))

    def __exit__(self, *exception: object) -> None:
        plans.PLANS[self.kind] = self.plan

    def _timed(self, step: plans.Step) -> plans.Step:
        @wraps(step)
        def timed(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
            began = time.perf_counter()
            left = step(request, cursor)
            self.began.setdefault(step.__name__, began)
            self.ended[step.__name__] = time.perf_counter()
            self.seconds[step.__name__] = self.seconds.get(step.__name__, 0) + self.ended[step.__name__] - began
            return left

        return timed
