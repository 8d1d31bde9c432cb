"""Files that must be whole or absent, and readable for their owner alone."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

PARTIAL = ".partial-"
TRIES = 50


def write_atomically(path: Path, chunks: Iterable[bytes], mode: int = 0o600) -> None:
    """Put a whole file in place of whatever is there, on disk when this returns; a failure leaves nothing behind."""
    with _beside(path, chunks, mode) as written:
        written.replace(path)
    sync_directory(path.parent)


def create(path: Path, data: bytes, mode: int = 0o600) -> bool:
    """Write a whole file where there is none; return False, and touch nothing, where there is one."""
    if path.exists():
        return False
    with _beside(path, [data], mode) as written:
        try:
            os.link(written, path)
        except FileExistsError:
            return False
    sync_directory(path.parent)
    return True


def make_folder(path: Path) -> None:
    """Make a folder for its owner alone, and those above it: `mkdir(parents=True)` would leave them open."""
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def remove_empty(folder: Path, *, below: Path) -> None:
    """Remove a folder and those above it that are empty, but for `below`: their names say whose they were."""
    while folder != below and below in folder.parents:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _beside(path: Path, chunks: Iterable[bytes], mode: int) -> Iterator[Path]:
    """Yield a synced file next to `path` that is gone afterwards, unless it was moved."""
    partial = path.with_name(f"{PARTIAL}{secrets.token_hex(8)}")
    try:
        with os.fdopen(_open_new(partial, mode), "wb") as file:
            _write(file, chunks)
        yield partial
    finally:
        partial.unlink(missing_ok=True)


def _open_new(path: Path, mode: int) -> int:
    """Make a file and the folders above it, again if somebody removes an empty folder in between."""
    for _ in range(TRIES):
        # FileExistsError: the folder was there, and was gone again when `mkdir` looked what it is.
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            make_folder(path.parent)
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    raise FileNotFoundError(path)


def _write(file: BinaryIO, chunks: Iterable[bytes]) -> None:
    for chunk in chunks:
        file.write(chunk)
    file.flush()
    os.fsync(file.fileno())
