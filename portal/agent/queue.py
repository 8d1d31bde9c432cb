"""What was recorded and is not yet sent: sealed files of at most 500 events, kept until the portal has answered.

A file is a batch, its name the batch's id. Events are added as sealed pieces, and a file is sent only once nothing is
added any more: so the same bytes go out under the same id, however often the agent is killed in between.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from portal.agent.home import private, write
from portal.agent.permits import Event
from portal.agent.sealed import Box, Damaged

BATCH_EVENTS = 500
MOST_EVENTS = 500_000
MOST_BYTES = 64 * 1024 * 1024
MOST_MS = 7 * 24 * 3600 * 1000
HEAD = struct.Struct(">IH")  # bytes and events of the piece that follows
SUFFIX = ".batch"


@dataclass
class File:
    """A batch on disk, with what can be told of it without opening it."""

    path: Path
    events: int = 0
    bytes: int = 0
    pieces: int = 0

    @property
    def id(self) -> str:
        return self.path.stem.partition("_")[2]

    @property
    def made_ms(self) -> int:
        return int(self.path.stem.partition("_")[0])


@dataclass(frozen=True)
class Size:
    """How much waits, and how many events were given up because it was too much or could not be read."""

    events: int
    batches: int
    bytes: int
    given_up: int


class Queue:
    """For several threads: one adds and clears, another sends."""

    def __init__(self, folder: Path, box: Box) -> None:
        self._folder, self._box, self._lock = folder, box, threading.RLock()
        self._open: File | None = None
        self.given_up = 0
        for left in folder.glob("*.new"):
            left.unlink()
        self._files = [_known(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]

    def add(self, events: list[Event]) -> None:
        with self._lock:
            for start in range(0, len(events), BATCH_EVENTS):
                self._append(events[start : start + BATCH_EVENTS])
            self._trim()

    def _append(self, events: list[Event]) -> None:
        if self._open and self._open.events + len(events) > BATCH_EVENTS:
            self.close()
        if self._open is None:
            made = time.time_ns() // 1_000_000
            self._open = File(self._folder / f"{made:013d}_{uuid4()}{SUFFIX}")
            self._files.append(self._open)
        try:
            self._write(self._open, events)
        except OSError:
            # The disk is full: what cannot be kept sealed is not kept.
            self.given_up += len(events)
            self.close()

    def _write(self, file: File, events: list[Event]) -> None:
        piece = self._piece(file, file.pieces, events)
        with open(file.path, "ab", opener=private) as sink:
            sink.write(piece)
        file.events, file.bytes, file.pieces = file.events + len(events), file.bytes + len(piece), file.pieces + 1

    def _piece(self, file: File, number: int, events: list[Event]) -> bytes:
        text = json.dumps(events, ensure_ascii=False, separators=(",", ":")).encode()
        sealed = self._box.seal(text, f"{file.id}/{number}")
        return HEAD.pack(len(sealed), len(events)) + sealed

    def close(self) -> None:
        """Add nothing more to the newest batch: it may be sent."""
        with self._lock:
            if self._open is not None and not self._open.events:
                self._drop(self._open)
            self._open = None

    def due(self, after_seconds: float) -> bool:
        """Whether the newest batch is full or old enough to be closed."""
        with self._lock:
            if self._open is None:
                return False
            age = time.time_ns() // 1_000_000 - self._open.made_ms
            return self._open.events >= BATCH_EVENTS or not 0 <= age < after_seconds * 1000

    def next(self) -> tuple[str, list[Event]] | None:
        """Return id and events of the oldest batch that may be sent."""
        with self._lock:
            while closed := next((file for file in self._files if file is not self._open), None):
                if events := self._read(closed):
                    return closed.id, events
                self._drop(closed)
        return None

    def done(self, batch: str) -> None:
        """The portal has answered for this batch."""
        with self._lock:
            for file in [file for file in self._files if file.id == batch]:
                self._drop(file)

    def change(self, lessened: Callable[[Event], Event | None], only: str = "") -> int:
        """Take away what may not stay, and return how many events that was.

        A batch keeps its id: should the portal have it already as it was, it says so, and nothing is sent twice.
        """
        with self._lock:
            self.close()
            return sum(self._change(file, lessened) for file in list(self._files) if only in ("", file.id))

    def _change(self, file: File, lessened: Callable[[Event], Event | None]) -> int:
        before = self._read(file)
        after = [event for event in map(lessened, before) if event is not None]
        if not after:
            self._drop(file)
        elif after != before:
            self._replace(file, after)
        return len(before) - len(after)

    def _replace(self, file: File, events: list[Event]) -> None:
        piece = self._piece(file, 0, events)
        try:
            write(file.path, piece)
        except OSError:
            # The disk is full: what has to go goes first, with what might have stayed.
            self.given_up += len(events)
            self._drop(file)
            return
        file.events, file.bytes, file.pieces = len(events), len(piece), 1

    def wipe(self) -> None:
        with self._lock:
            self._open = None
            for file in list(self._files):
                self._drop(file)

    def size(self) -> Size:
        with self._lock:
            return Size(
                sum(file.events for file in self._files),
                len(self._files),
                sum(file.bytes for file in self._files),
                self.given_up,
            )

    def last_seq(self) -> int:
        """Return the highest counter among the events that wait, -1 if none does."""
        with self._lock:
            return max((event["seq"] for file in self._files[-3:] for event in self._read(file)), default=-1)

    def _trim(self) -> None:
        """Give up the oldest when there is too much, or when it is too old to be of use."""
        oldest = time.time_ns() // 1_000_000 - MOST_MS
        size = self.size()
        events, held = size.events, size.bytes
        for file in list(self._files):
            if file is self._open or (events <= MOST_EVENTS and held <= MOST_BYTES and file.made_ms >= oldest):
                return
            events, held = events - file.events, held - file.bytes
            self.given_up += file.events
            self._drop(file)

    def _drop(self, file: File) -> None:
        file.path.unlink(missing_ok=True)
        self._files.remove(file)

    def _read(self, file: File) -> list[Event]:
        """Return the events of a file up to where it was torn off."""
        found: list[Event] = []
        if not file.path.exists():
            return found
        whole = 0
        for number, (_count, sealed) in enumerate(_pieces(file.path.read_bytes())):
            try:
                found += json.loads(self._box.open(sealed, f"{file.id}/{number}"))
            except Damaged:
                self._cut(file, whole, number, len(found))
                break
            whole += HEAD.size + len(sealed)
        return found

    def _cut(self, file: File, whole: int, pieces: int, events: int) -> None:
        """Somebody changed the file: what follows the change is nothing that was recorded."""
        os.truncate(file.path, whole)
        self.given_up += file.events - events
        file.bytes, file.pieces, file.events = whole, pieces, events


def _pieces(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + HEAD.size <= len(content):
        length, count = HEAD.unpack_from(content, at)
        at += HEAD.size + length
        if at > len(content):
            return  # torn: the rest was never written
        yield count, content[at - length : at]


def _known(path: Path) -> File:
    content = path.read_bytes()
    counts = [count for count, _sealed in _pieces(content)]
    return File(path, sum(counts), len(content), len(counts))
