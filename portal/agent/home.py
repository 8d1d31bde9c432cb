"""Where the agent keeps what it has on this computer: one directory that only its user may open."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

NAME = "daylight-agent"


class AlreadyRuns(Exception):
    """Another agent of this user works in the same directory."""


def usual() -> Path:
    """Return the directory for such things on this system."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", "~")).expanduser() / NAME
    if sys.platform == "darwin":
        return Path("~/Library/Application Support").expanduser() / NAME
    return Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser() / NAME


@dataclass(frozen=True)
class Home:
    """The files, by what they are for."""

    path: Path

    @property
    def key(self) -> Path:
        return self.path / "key"

    @property
    def credentials(self) -> Path:
        return self.path / "credentials"

    @property
    def queue(self) -> Path:
        return self.path / "queue"

    @property
    def counter(self) -> Path:
        return self.path / "counter"

    @property
    def status(self) -> Path:
        return self.path / "status.json"

    @property
    def stop(self) -> Path:
        return self.path / "stop"

    def make(self) -> Home:
        self.queue.mkdir(parents=True, exist_ok=True)
        for folder in (self.path, self.queue):
            folder.chmod(0o700)
        return self

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep others out for as long as this lasts; the system lets go even if the process is killed."""
        with open(self.path / "lock", "ab", opener=private) as file:
            _lock(file)
            yield

    def runs(self) -> bool:
        if not self.path.is_dir():
            return False
        try:
            with self.held():
                return False
        except AlreadyRuns:
            return True


def private(path: str, flags: int) -> int:
    """Open a file that is made, if need be, for this user alone."""
    return os.open(path, flags, 0o600)


def _lock(file: IO[bytes]) -> None:
    try:
        if sys.platform == "win32":
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise AlreadyRuns from None


def write(path: Path, content: bytes, *, lasting: bool = True) -> None:
    """Replace a file as a whole; whatever happens, the old content is there or the new."""
    beside = path.with_name(f"{path.name}.new")
    with open(beside, "wb", opener=private) as file:
        file.write(content)
        file.flush()
        if lasting:
            os.fsync(file.fileno())
    beside.replace(path)
