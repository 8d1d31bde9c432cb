"""What every format shares: a record becomes events or is set aside for a reason, and each event has its time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from portal.events.importers.source import Source
from portal.strictjson import LARGEST

LONGEST_TEXT = 4096
# A recorder's clock that jumps further than this is broken: no recording runs for a month.
LONGEST_RECORDING_MS = 31 * 24 * 3600 * 1000
MOST_PARTICIPANTS = 1000
NAMED_IN_AN_ERROR = 20
OTHER = "other_participant"
# What a record of another format is set aside for: a file of nothing else is no recording of this one.
FOREIGN = frozenset({"line_too_long", "not_json", "not_an_object", "unknown_action", "unknown_type", "wrong_columns"})

Record = dict[str, Any]
# Turns a record into the fields of an event without its time; raises SetAside for one that is none.
Mapper = Callable[[Record], dict[str, Any]]


class SetAside(ValueError):
    """This record becomes no event; the message is the reason it is counted under."""


@dataclass(frozen=True)
class Read:
    """One record: the events that it became, or the reason why it became none.

    `parts` has a reason for each part that was left out of a record that was taken.
    """

    events: Sequence[Record] = ()
    reason: str = ""
    parts: Sequence[str] = ()
    participant: str = ""


@dataclass(frozen=True)
class Asked:
    """Where the first event lies in time, if the file does not say or is to be moved, and whose records count."""

    start_ms: int | None = None
    participant: str = ""

    def other(self, participant: str) -> bool:
        return bool(self.participant) and participant != self.participant


@dataclass(frozen=True)
class Format:
    """How a recorder writes; `dated` says that its times are those of a calendar, `left_out` what is never taken.

    `windows` says that it tells which window was in front.
    """

    name: str
    read: Callable[[Source, Asked], Iterator[Read]]
    dated: bool = False
    several: bool = False
    windows: bool = False
    left_out: tuple[str, ...] = ()


@dataclass
class Recording:
    """What a file held: `taken + sum(set_aside) == records`; equal bytes have equal digests, packed or not."""

    digest: str = ""
    records: int = 0
    taken: int = 0
    events: list[Record] = field(default_factory=list)
    types: Counter[str] = field(default_factory=Counter)
    set_aside: Counter[str] = field(default_factory=Counter)
    parts: Counter[str] = field(default_factory=Counter)
    participant: str = ""

    def count(self, each: Read) -> None:
        self.records += 1
        self.parts.update(each.parts)
        if each.events:
            self.taken += 1
            self.types.update(event["type"] for event in each.events)
        else:
            self.set_aside[each.reason] += 1


def read(path: Path, form: Format, start_ms: int | None = None, participant: str = "") -> Recording:
    """Return all events of a file at once: for recordings that fit into memory."""
    source, asked, events = Source(path), Asked(start_ms, participant), []

    def keeping() -> Iterator[Read]:
        for each in form.read(source, asked):
            events.extend(each.events)
            yield each

    recording = survey(source, form, asked, keeping())
    recording.events = events
    return recording


def survey(source: Source, form: Format, asked: Asked, found: Iterable[Read]) -> Recording:
    """Count what is found, keeping none of it; raises Unreadable for what is no such recording or several people's."""
    recording, seen = Recording(), set()
    for each in found:
        recording.count(each)
        seen.add(each.participant)
        if len(seen) > MOST_PARTICIPANTS:
            raise source.wrong(f"names more than {MOST_PARTICIPANTS:,} participants")
    recording.digest = source.digest
    _check_known(source, form, recording)
    seen.discard("")
    _check_participant(source, asked, seen)
    recording.participant = asked.participant or next(iter(seen), "")
    return recording


def _check_known(source: Source, form: Format, recording: Recording) -> None:
    if recording.records and recording.set_aside.keys() <= FOREIGN and not recording.taken:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in recording.set_aside.most_common())
        raise source.wrong(
            f"is no {form.name} recording: from record 1 on, none of its {recording.records:,} ({reasons})"
        )


def _check_participant(source: Source, asked: Asked, seen: set[str]) -> None:
    names = sorted(seen, key=lambda name: (len(name), name))
    shown = ", ".join(names[:NAMED_IN_AN_ERROR]) + (", …" if len(names) > NAMED_IN_AN_ERROR else "")
    if asked.participant and asked.participant not in seen:
        raise source.wrong(f"holds no participant {asked.participant!r}; there are: {shown or 'none'}")
    if not asked.participant and len(names) > 1:
        raise source.wrong(f"holds several people: name one with --participant; there are: {shown}")


@dataclass
class Clock:
    """Anchors a recorder's times at the first event, or leaves those of a calendar as they are.

    `unit` is in milliseconds; `longest` is how far from the first event a time may lie.
    """

    start_ms: int | None
    unit: int = 1000
    longest: int | None = LONGEST_RECORDING_MS
    first: float | None = None

    def time_ms(self, value: float) -> int:
        if self.start_ms is None:
            return _in_calendar(value * self.unit)
        origin = value if self.first is None else self.first
        distance = (value - origin) * self.unit
        if self.longest is not None and abs(distance) > self.longest:
            raise SetAside("time_out_of_range")
        self.first = origin
        return _in_calendar(self.start_ms + round(distance))


def _in_calendar(ms: float) -> int:
    if not 0 <= ms <= LARGEST:
        raise SetAside("time_out_of_range")
    return round(ms)


def json_lines(to_event: Mapper) -> Callable[[Source, Asked], Iterator[Read]]:
    """Return a reader of one record a line, each with the seconds of a monotonic clock as `time_stamp`."""

    def read_lines(source: Source, asked: Asked) -> Iterator[Read]:
        clock, empty = Clock(asked.start_ms), True
        for line in source.lines():
            if line is None:
                yield Read(reason="line_too_long")
            elif line.strip():
                yield single(_event, line, to_event, clock)
            empty = empty and line is not None and not line.strip()
        if empty:
            raise source.wrong("is empty")

    return read_lines


def single(make: Callable[..., Record], *given: Any) -> Read:
    """Return the one event that is made of a record, or why it was set aside."""
    try:
        return Read((make(*given),))
    except SetAside as reason:
        return Read(reason=str(reason))


def _event(line: bytes, to_event: Mapper, clock: Clock) -> Record:
    record = parse(line)
    fields = to_event(record)
    return {"t": clock.time_ms(number(record, "time_stamp")), **fields}


def parse(raw: bytes) -> Record:
    """Return a JSON object; raises SetAside."""
    try:
        record = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SetAside("not_json") from error
    if not isinstance(record, dict):
        raise SetAside("not_an_object")
    return record


def number(record: Record, name: str) -> float:
    """Return a finite number as it was written, whole or fractional."""
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise SetAside(f"bad_{name}")
    if not math.isfinite(value) or abs(value) > LARGEST:
        raise SetAside(f"bad_{name}")
    return value


def text(record: Record, name: str) -> str:
    """Return a string; absent, null and empty are the same, since recorders write all three."""
    value = record.get(name) or ""
    if not isinstance(value, str) or "\0" in value or len(value.encode("utf-8")) > LONGEST_TEXT:
        raise SetAside(f"bad_{name}")
    return value
