"""Bring a recording in through the same door as every batch, in parts that a second run finds again."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from django.utils import timezone

from portal.audit import trail
from portal.audit.values import Action, Actor, ActorKind
from portal.events import ingest
from portal.events.importers.base import Mapper, Record, Recording, read
from portal.events.values import Event
from portal.people.models import Employee
from portal.register.models import Source
from portal.register.values import Kind

NAMESPACE = uuid.UUID("6f1c5b62-0a35-5d1e-9b7e-3b1f0a6f2c11")
EVENTS_A_PART = 5000
WRITER = "import"
COMMAND = Actor(ActorKind.COMMAND, "import_recording")


@dataclass(frozen=True)
class Job:
    """Whose recording is taken in, from which source, and when it began."""

    employee: Employee
    source: Source
    start_ms: int

    @property
    def imported(self) -> bool:
        return self.source.kind == Kind.IMPORT

    def batch_id(self, digest: str, part: int) -> uuid.UUID:
        name = f"{digest}/{self.employee.pk}/{self.source.key}/{self.start_ms}/{part}"
        return uuid.uuid5(NAMESPACE, name)


@dataclass
class Outcome:
    """What became of a recording; `stored` counts what this run brought in, nothing on a second run."""

    recording: Recording
    stored: int = 0
    withheld: Counter[str] = field(default_factory=Counter)
    parts: int = 0
    repeated: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "records": self.recording.records,
            "events": Counter(event["type"] for event in self.recording.events),
            "set_aside": self.recording.set_aside,
            "withheld": self.withheld,
            "stored": self.stored,
            "parts": self.parts,
            "repeated_parts": self.repeated,
        }


def take_in(path: Path, to_event: Mapper, job: Job) -> Outcome:
    """Read a file and send its parts; raises Unreadable, or http.Problem when a part's id was used otherwise."""
    recording = read(path, to_event, job.start_ms)
    _set_aside_outside(recording, job)
    outcome = Outcome(recording)
    for number, part in enumerate(_parts(recording.events)):
        _send(job, job.batch_id(recording.digest, number), part, outcome)
    _write_down(job, recording)
    return outcome


def _parts(events: list[Record]) -> Iterator[list[Record]]:
    for start in range(0, len(events), EVENTS_A_PART):
        yield events[start : start + EVENTS_A_PART]


def _send(job: Job, batch_id: uuid.UUID, part: list[Record], outcome: Outcome) -> None:
    accepted = ingest.accept(
        writer=WRITER,
        batch_id=batch_id,
        source=job.source,
        employee=job.employee,
        raw=msgspec.json.encode({"source": job.source.key, "events": part}),
        events=msgspec.convert(part, list[Event]),
        arrived=timezone.now(),
        imported=job.imported,
    )
    outcome.parts += 1
    outcome.withheld.update(accepted.withheld)
    if accepted.replayed:
        outcome.repeated += 1
    else:
        outcome.stored += accepted.stored


def _set_aside_outside(recording: Recording, job: Job) -> None:
    """Set aside what no batch may hold either: times ahead of the clock and, but for imports, long past."""
    now = timezone.now()
    latest = _ms(now + ingest.AHEAD)
    oldest = None if job.imported else _ms(now - ingest.OLDEST)
    kept = []
    for event in recording.events:
        if event["t"] > latest:
            recording.set_aside["in_the_future"] += 1
        elif oldest is not None and event["t"] < oldest:
            recording.set_aside["too_old"] += 1
        else:
            kept.append(event)
    recording.events = kept


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _write_down(job: Job, recording: Recording) -> None:
    """One line for a recording however often it is sent; no counts, since they would outlive an erasure."""
    trail.record(
        Action.IMPORT_RUN,
        actor=COMMAND,
        subject_id=job.employee.pk,
        facts={"source": job.source.key},
        once=f"import:{job.batch_id(recording.digest, 0)}",
    )
