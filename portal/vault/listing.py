"""What lies in a storage: objects with the time they were written, and what a killed writer left half done."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

from django.core.files.storage import FileSystemStorage, Storage

from portal.vault.files import PARTIAL, remove_empty


class Entry(NamedTuple):
    """An object, and when it was last written."""

    name: str
    written: datetime


class Leftover(NamedTuple):
    """Something that is no object and that nobody will finish."""

    name: str
    written: datetime
    remove: Callable[[], None]


@runtime_checkable
class Lists(Protocol):
    """A storage that tells all it holds by itself, in order of names."""

    def entries(self, folder: str) -> Iterator[Entry]: ...

    def leftovers(self) -> Iterator[Leftover]: ...


def names(storage: Storage, folder: str) -> Iterator[str]:
    """Yield the names below a folder as if they were sorted all together."""
    if isinstance(storage, Lists):
        yield from (entry.name for entry in storage.entries(folder))
    else:
        yield from _below(storage, folder)


def entries(storage: Storage, folder: str) -> Iterator[Entry]:
    """Yield the same with times; what goes away meanwhile is left out."""
    if isinstance(storage, Lists):
        yield from storage.entries(folder)
        return
    for name in _below(storage, folder):
        try:
            yield Entry(name, storage.get_modified_time(name))
        except FileNotFoundError:
            continue


def leftovers(storage: Storage) -> Iterator[Leftover]:
    """Yield unfinished files and empty folders, or uploads that were begun and never ended."""
    if isinstance(storage, Lists):
        yield from storage.leftovers()
    elif isinstance(storage, FileSystemStorage):
        yield from _unfinished(Path(storage.location))


def _below(storage: Storage, folder: str) -> Iterator[str]:
    try:
        folders, files = storage.listdir(folder)
    except FileNotFoundError:
        return
    path = f"{folder}/" if folder else ""
    found = [name for name in files if not name.startswith(PARTIAL)] + [f"{each}/" for each in folders]
    for each in sorted(found):
        if each.endswith("/"):
            yield from _below(storage, path + each.rstrip("/"))
        else:
            yield path + each


def _unfinished(top: Path) -> Iterator[Leftover]:
    for folder, folders, files in os.walk(top, topdown=False):
        here = Path(folder)
        for name in files:
            if name.startswith(PARTIAL):
                yield from _leftover(here / name, top)
        if not folders and not files and here != top:
            yield from _leftover(here, top)


def _leftover(path: Path, top: Path) -> Iterator[Leftover]:
    def remove() -> None:
        if path.is_dir():
            remove_empty(path, below=top)
        else:
            path.unlink(missing_ok=True)
            remove_empty(path.parent, below=top)

    try:
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except FileNotFoundError:
        return
    yield Leftover(path.relative_to(top).as_posix(), written, remove)
