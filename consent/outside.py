"""Files outside the databases that only grow: lines of JSON, written under a lock and fsynced."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TAIL = 1 << 16


@contextmanager
def locked(folder: Path, name: str = ".lock") -> Iterator[None]:
    """Keep every other process and thread out until the block ends; makes the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def tried(lock: Path) -> Iterator[bool]:
    """Hold a lock file while the block runs, if nobody else does: yields whether it is held."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def append(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Write lines at the end and wait until the disk has them; raises OSError."""
    new = not path.exists()
    data = b"".join(spelled(line) + b"\n" for line in lines)
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        # A crash may have torn the last line: it is ended, and skipped by whoever reads.
        _write(handle, (b"\n" if _torn(path) else b"") + data)
        os.fsync(handle)
    finally:
        os.close(handle)
    if new:
        sync_folder(path.parent)


def _write(handle: int, data: bytes) -> None:
    while data:
        data = data[os.write(handle, data) :]


def _torn(path: Path) -> bool:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


def sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def spelled(line: dict[str, Any]) -> bytes:
    """Return a line as it is written, so that one that says the same in other bytes is seen."""
    return json.dumps(line, separators=(",", ":")).encode()


def parse(line: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def last(path: Path) -> dict[str, Any] | None:
    """Return the last whole line, or None of a file that has none or is not there."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return None
    with file:
        end = file.seek(0, os.SEEK_END)
        reach = TAIL
        while True:
            start = max(0, end - reach)
            file.seek(start)
            found = _last_of(file.read(end - start), whole=start == 0)
            if found is not None or start == 0:
                return found
            reach *= 4


def _last_of(data: bytes, *, whole: bool) -> dict[str, Any] | None:
    lines = data.split(b"\n")
    # The first may have begun before what was read, the last is torn or empty.
    for line in reversed(lines[0 if whole else 1 : -1]):
        found = parse(line)
        if found is not None:
            return found
    return None


def raw_lines(path: Path, end: int | None = None) -> Iterator[bytes]:
    """Yield every line that was ended, without its end, oldest first; only of the first `end` bytes."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        while (end is None or file.tell() < end) and (line := file.readline()).endswith(b"\n"):
            yield line[:-1]


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield every whole line, oldest first."""
    yield from filter(None, map(parse, raw_lines(path)))


def size(path: Path) -> int:
    """Return how many bytes a file has; none if it is not there."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def placed(path: Path, start: int = 0) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Yield where each ended line ends, and the line, from the place where one ends; None for a line that was torn."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return
    with file:
        file.seek(start)
        while (line := file.readline()).endswith(b"\n"):
            yield file.tell(), parse(line)
