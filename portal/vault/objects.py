"""Sealed objects by name, in the storage called `vault`: whole or absent, and a name can be written again."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from django.core.files import File
from django.core.files.storage import FileSystemStorage, Storage, storages

from portal.vault import listing
from portal.vault.files import remove_empty, write_atomically
from portal.vault.listing import Entry, Leftover

_PART = "[A-Za-z0-9][A-Za-z0-9._-]*"
SAFE = re.compile(f"{_PART}(/{_PART})*")
LONGEST = 512
IN_MEMORY = 8 * 1024 * 1024


class Missing(Exception):
    """There is no object of this name."""


class UnsafeName(Exception):
    """A name that might leave the vault, or that only some storages can hold."""


class Unanswered(OSError):
    """A storage elsewhere refused, failed or fell silent: whether it did what was asked is not known."""


def put(name: str, data: bytes | Iterator[bytes]) -> None:
    """Store an object, in place of one of that name; on disk when this returns.

    Raises OSError on a full disk; then the name is as it was before. Raises Unanswered, an OSError as well, if a
    storage elsewhere gave no answer; then it is as before, or holds all of the new one, now or a little later.
    """
    _check(name)
    chunks = iter([data]) if isinstance(data, bytes) else data
    storage = _storage()
    if isinstance(storage, FileSystemStorage):
        write_atomically(Path(storage.path(name)), chunks)
    else:
        _upload(storage, name, chunks)


def get(name: str) -> bytes:
    """Return an object; raises Missing."""
    with open_read(name) as file:
        return file.read()


def open_read(name: str) -> BinaryIO:
    """Return an object to read and close; raises Missing."""
    _check(name)
    try:
        return cast(BinaryIO, _storage().open(name, "rb"))
    except FileNotFoundError:
        raise Missing(name) from None


def delete(name: str) -> None:
    """Remove an object; one that is not there is fine."""
    _check(name)
    storage = _storage()
    storage.delete(name)
    if isinstance(storage, FileSystemStorage):
        remove_empty(Path(storage.path(name)).parent, below=Path(storage.location))


def names(prefix: str = "") -> Iterator[str]:
    """Yield every name below a folder such as `segments/`, in order; of all, without one."""
    folder = prefix.strip("/")
    if folder:
        _check(folder)
    yield from listing.names(_storage(), folder)


def entries(prefix: str = "") -> Iterator[Entry]:
    """Yield the same, and when each was written."""
    folder = prefix.strip("/")
    if folder:
        _check(folder)
    yield from listing.entries(_storage(), folder)


def leftovers() -> Iterator[Leftover]:
    """Yield what a killed writer left that is no object."""
    yield from listing.leftovers(_storage())


def exists(name: str) -> bool:
    """Return whether there is an object of this name."""
    _check(name)
    return bool(_storage().exists(name))


def _storage() -> Storage:
    return storages["vault"]


def is_name(name: str) -> bool:
    """Return whether an object can have this name: others may lie in the storage, and none of them is ours."""
    return len(name) <= LONGEST and SAFE.fullmatch(name) is not None


def _check(name: str) -> None:
    if not is_name(name):
        raise UnsafeName(name)


def _upload(storage: Storage, name: str, chunks: Iterator[bytes]) -> None:
    """Hand over a whole file: such storages show an object only when all of it has come."""
    with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as spool:
        for chunk in chunks:
            spool.write(chunk)
        spool.seek(0)
        stored = storage.save(name, File(spool, name=name))
    if stored != name:
        storage.delete(stored)
        message = f"the vault's storage would not write {name} again; let it overwrite"
        raise OSError(message)
