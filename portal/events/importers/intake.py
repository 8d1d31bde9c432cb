"""Bring a recording in through the same door as every batch, in parts that a second run finds again."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from django.utils import timezone

from portal.audit import trail
from portal.audit.values import Action, Actor, ActorKind
from portal.events import ingest
from portal.events.importers.base import Asked, Format, Read, Record, Recording, survey
from portal.events.importers.source import Source as Bytes
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
    """Whose recording is taken in, from which source, when it began, and which participant of it is meant."""

    employee: Employee
    source: Source
    start_ms: int | None = None
    participant: str = ""

    @property
    def imported(self) -> bool:
        return self.source.kind == Kind.IMPORT

    @property
    def asked(self) -> Asked:
        return Asked(self.start_ms, self.participant)

    def batch_id(self, recording: Recording, part: int) -> uuid.UUID:
        start = "" if self.start_ms is None else self.start_ms
        name = f"{recording.digest}/{self.employee.pk}/{self.source.key}/{start}/{part}"
        return uuid.uuid5(NAMESPACE, f"{name}/{recording.participant}" if recording.participant else name)

    def writer(self, recording: Recording, form: Format) -> str:
        """What a recording saw in front is its own: keys of another one must not count as typed there."""
        return f"{WRITER}:{self.batch_id(recording, 0)}" if form.windows else WRITER


@dataclass
class Outcome:
    """What became of a recording; `stored` counts what this run brought in, nothing on a second run."""

    recording: Recording
    form: Format
    stored: int = 0
    withheld: Counter[str] = field(default_factory=Counter)
    parts: int = 0
    repeated: int = 0

    def as_json(self) -> dict[str, Any]:
        return {
            "records": self.recording.records,
            "taken": self.recording.taken,
            "events": self.recording.types,
            "set_aside": self.recording.set_aside,
            "parts_set_aside": self.recording.parts,
            "left_out": self.form.left_out,
            "withheld": self.withheld,
            "stored": self.stored,
            "parts": self.parts,
            "repeated_parts": self.repeated,
        }


def take_in(path: Path, form: Format, job: Job) -> Outcome:
    """Read a file and send its parts; raises Unreadable, or http.Problem when a part's id was used otherwise.

    It is read twice: the first time to its end, so that nothing of a file that breaks off or is none is stored.
    """
    source, limits = Bytes(path), Limits.of(job)
    outcome = Outcome(survey(source, form, job.asked, limits.apply(form.read(source, job.asked))), form)
    again = limits.apply(form.read(source, job.asked))
    for number, part in enumerate(_parts(again)):
        _send(job, number, part, outcome)
    if source.digest != outcome.recording.digest:
        raise source.wrong("was changed while it was read; what was read before the change may have been stored")
    _write_down(job, outcome.recording)
    return outcome


def _parts(found: Iterable[Read]) -> Iterator[list[Record]]:
    part: list[Record] = []
    for each in found:
        for event in each.events:
            part.append(event)
            if len(part) == EVENTS_A_PART:
                yield part
                part = []
    if part:
        yield part


@dataclass(frozen=True)
class Limits:
    """What no batch may hold either: times ahead of the clock and, but for imports, long past."""

    latest: int
    oldest: int | None

    @classmethod
    def of(cls, job: Job) -> Limits:
        now = timezone.now()
        return cls(_ms(now + ingest.AHEAD), None if job.imported else _ms(now - ingest.OLDEST))

    def apply(self, found: Iterable[Read]) -> Iterator[Read]:
        for each in found:
            reasons = [self._reason(event["t"]) for event in each.events]
            yield self._without(each, reasons) if any(reasons) else each

    def _reason(self, t: int) -> str:
        if t > self.latest:
            return "in_the_future"
        return "too_old" if self.oldest is not None and t < self.oldest else ""

    def _without(self, each: Read, reasons: list[str]) -> Read:
        kept = [event for event, reason in zip(each.events, reasons, strict=True) if not reason]
        outside = [reason for reason in reasons if reason]
        if not kept:
            return Read(reason=outside[0], participant=each.participant)
        return Read(kept, parts=[*each.parts, *outside], participant=each.participant)


def _send(job: Job, number: int, part: list[Record], outcome: Outcome) -> None:
    accepted = ingest.accept(
        writer=job.writer(outcome.recording, outcome.form),
        batch_id=job.batch_id(outcome.recording, number),
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


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _write_down(job: Job, recording: Recording) -> None:
    """One line for a recording however often it is sent; no counts, since they would outlive an erasure."""
    trail.record(
        Action.IMPORT_RUN,
        actor=COMMAND,
        subject_id=job.employee.pk,
        facts={"source": job.source.key},
        once=f"import:{job.batch_id(recording, 0)}",
    )
