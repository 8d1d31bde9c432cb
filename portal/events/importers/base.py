"""What every format shares: read a recording line by line, give each record its time, set aside what is no event."""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec

from portal.strictjson import LARGEST

GZIP_MAGIC = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"
LONGEST_LINE = 1 << 20
LONGEST_TEXT = 4096
# A recorder's clock that jumps further than this is broken: no recording runs for a month.
LONGEST_RECORDING_MS = 31 * 24 * 3600 * 1000

Record = dict[str, Any]
# Turns a record into the fields of an event without its time; raises SetAside for one that is none.
Mapper = Callable[[Record], dict[str, Any]]


class SetAside(ValueError):
    """This record becomes no event; the message is the reason it is counted under."""


class Unreadable(ValueError):
    """The file as a whole cannot be read."""


@dataclass
class Recording:
    """What a file held: `len(events) + sum(set_aside) == records`; equal bytes have equal digests, packed or not."""

    digest: str = ""
    records: int = 0
    events: list[Record] = field(default_factory=list)
    set_aside: Counter[str] = field(default_factory=Counter)


def read(path: Path, to_event: Mapper, start_ms: int) -> Recording:
    """Return the events of a file of JSON lines, the first at `start_ms`, all others at their distance from it."""
    recording, digest = Recording(), hashlib.sha256()
    clock = Clock(start_ms)
    for number, line in enumerate(_lines(path)):
        digest.update(line)
        text = line.removeprefix(BOM) if number == 0 else line
        if not text.strip():
            continue
        recording.records += 1
        try:
            recording.events.append(_event(text, to_event, clock))
        except SetAside as reason:
            recording.set_aside[str(reason)] += 1
    recording.digest = digest.hexdigest()
    return recording


@dataclass
class Clock:
    """A recorder's monotonic seconds, anchored at the first event."""

    start_ms: int
    first: float | None = None

    def time_ms(self, seconds: float) -> int:
        origin = seconds if self.first is None else self.first
        distance = (seconds - origin) * 1000
        if abs(distance) > LONGEST_RECORDING_MS:
            raise SetAside("time_out_of_range")
        self.first = origin
        return self.start_ms + round(distance)


def _event(line: bytes, to_event: Mapper, clock: Clock) -> Record:
    record = _parse(line)
    fields = to_event(record)
    return {"t": clock.time_ms(number(record, "time_stamp")), **fields}


def _parse(line: bytes) -> Record:
    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SetAside("not_json") from error
    if not isinstance(record, dict):
        raise SetAside("not_an_object")
    return record


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines, unpacked if need be: what the first bytes say counts, not the name."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == GZIP_MAGIC
            raw.seek(0)
            yield from _split(gzip.GzipFile(fileobj=raw) if packed else raw)
    except (OSError, EOFError, zlib.error) as error:
        message = f"{path.name} cannot be read: {error}"
        raise Unreadable(message) from error


def _split(source: IO[bytes] | gzip.GzipFile) -> Iterator[bytes]:
    while line := source.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
            raise Unreadable("A line is longer than 1 MiB: this is no recording of a known format.")
        yield line


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
