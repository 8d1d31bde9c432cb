"""The newest copy of the keyring outside its database: one line for each row as it is made, anew at each renewal.

It is wrapped by the key-encryption key like the rows themselves, and says nothing without it.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connections, router

from portal.vault import kekfile
from portal.vault.files import make_folder, sync_directory, write_atomically
from portal.vault.models import KeyList, SubjectKey

Row = SubjectKey | KeyList
CHUNK = 1000

# A line of each row, as `_line` makes it of one; the newlines that encode() puts into long texts are taken out.
LINES = (
    """
    SELECT json_build_object('key', json_build_array(
               subject_id, kind, epoch, kek_id, translate(encode(wrapped, 'base64'), E'\\n', '')))::text || E'\\n'
      FROM vault_subjectkey ORDER BY id
    """,
    """
    SELECT json_build_object('list', json_build_array(
               subject_id, epoch, month, translate(encode(sealed, 'base64'), E'\\n', '')))::text || E'\\n'
      FROM vault_keylist ORDER BY id
    """,
)


class NotEmpty(Exception):
    """The keys database has rows: a copy is never mixed into them."""


class Newer(Exception):
    """There is a copy here already, and it is the one to restore from."""


class Dead(Exception):
    """A copy from before a renewal: today's key-encryption key opens nothing of it."""


# What a backup of the data has in its folder.
MANIFEST = "manifest.json"


def path() -> Path:
    return Path(settings.KEYRING_DIR) / "keyring.jsonl"


def append(rows: Iterable[Row]) -> None:
    """Add rows as they now are, on disk when this returns; call before the commit that lets others use them."""
    _append(_line(row) for row in rows)


def append_gone(subject_id: UUID, *, epoch: int | None) -> None:
    """Note that an epoch's data key, or with None everything of a person, was destroyed; call after that commit."""
    _append([_dumps({"gone": [str(subject_id), epoch]})])


def write_fresh() -> None:
    """Replace the copy by what the database now holds; the caller keeps every other writer out."""
    write_atomically(path(), _all_lines())


def write_to(target: Path) -> int:
    """Write the same into a file of its own; return how many rows."""
    rows = list(_all_rows())
    write_atomically(target, map(_line, rows))
    return len(rows)


def backup_beside(target: Path) -> Path | None:
    """Return the backup of the data in whose folder, or next to which, a file would lie."""
    around = [*target.parents, *(each for each in target.parent.glob("*") if each.is_dir())]
    return next((each for each in around if (each / MANIFEST).exists()), None)


def take_in(copy: Path) -> None:
    """Put a copy from elsewhere in the place of the newest one, where there is none; raises Newer, Dead, OSError."""
    if path().exists():
        raise Newer(f"{path()} is there: the keyring is restored only from its newest copy")
    rows = read(copy)
    keks = kekfile.read(settings.KEK_FILES).keys
    if not rows or any(isinstance(row, SubjectKey) and bytes.fromhex(row.kek_id) not in keks for row in rows):
        raise Dead(f"{copy} is from before the key-encryption key was renewed, or no keyring: it opens nothing")
    write_atomically(path(), map(_line, rows))


def read(copy: Path | None = None) -> list[Row]:
    """Return the rows the copy stands for: the last line of each, without what was destroyed since."""
    held: dict[tuple[str, ...], Row] = {}
    for entry in _entries(copy or path()):
        if "gone" in entry:
            subject, epoch = entry["gone"]
            held = {name: row for name, row in held.items() if not _is_gone(row, subject, epoch)}
        else:
            row = _row(entry)
            held[_identity(row)] = row
    return list(held.values())


def restore() -> int:
    """Fill an empty keys database from the copy; return how many rows."""
    if SubjectKey.objects.exists() or KeyList.objects.exists():
        raise NotEmpty
    rows = read()
    SubjectKey.objects.bulk_create([row for row in rows if isinstance(row, SubjectKey)], batch_size=CHUNK)
    KeyList.objects.bulk_create([row for row in rows if isinstance(row, KeyList)], batch_size=CHUNK)
    return len(rows)


def _append(lines: Iterable[bytes]) -> None:
    data = b"".join(lines)
    target = path()
    if not data:
        return
    make_folder(target.parent)
    known = target.exists()
    descriptor = os.open(target, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "rb+", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        _write_all(file.fileno(), _start(file.fileno()) + data)
        os.fsync(file.fileno())
    if not known:
        sync_directory(target.parent)


def _start(descriptor: int) -> bytes:
    """A writer that was killed may have left half a line: begin a new one."""
    size = os.fstat(descriptor).st_size
    torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
    return b"\n" if torn else b""


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _all_rows() -> Iterator[Row]:
    yield from SubjectKey.objects.order_by("pk").iterator(CHUNK)
    yield from KeyList.objects.order_by("pk").iterator(CHUNK)


def _all_lines() -> Iterator[bytes]:
    """Yield the lines of all rows as the database spells them: nothing here touches a row but to write it."""
    connection = connections[router.db_for_read(SubjectKey)]
    for statement in LINES:
        with connection.chunked_cursor() as cursor:
            cursor.execute(statement)
            while lines := cursor.fetchmany(CHUNK):
                yield "".join(line for (line,) in lines).encode()


def _dumps(entry: dict[str, Any]) -> bytes:
    return json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def _line(row: Row) -> bytes:
    if isinstance(row, SubjectKey):
        sealed = base64.b64encode(row.wrapped).decode()
        return _dumps({"key": [str(row.subject_id), row.kind, row.epoch, row.kek_id, sealed]})
    sealed = base64.b64encode(row.sealed).decode()
    return _dumps({"list": [str(row.subject_id), row.epoch, row.month, sealed]})


def _entries(copy: Path) -> Iterator[dict[str, Any]]:
    try:
        lines = copy.read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            continue  # the half line of a writer that was killed: its transaction never committed


def _row(entry: dict[str, Any]) -> Row:
    if "key" in entry:
        subject, kind, epoch, kek_id, sealed = entry["key"]
        wrapped = base64.b64decode(sealed)
        return SubjectKey(subject_id=UUID(subject), kind=kind, epoch=epoch, kek_id=kek_id, wrapped=wrapped)
    subject, epoch, month, sealed = entry["list"]
    return KeyList(subject_id=UUID(subject), epoch=epoch, month=month, sealed=base64.b64decode(sealed))


def _identity(row: Row) -> tuple[str, ...]:
    last = row.kind if isinstance(row, SubjectKey) else row.month
    return type(row).__name__, str(row.subject_id), str(row.epoch), last


def _is_gone(row: Row, subject: str, epoch: int | None) -> bool:
    if str(row.subject_id) != subject:
        return False
    evidence = isinstance(row, SubjectKey) and row.kind == SubjectKey.Kind.EVIDENCE
    return epoch is None or (row.epoch == epoch and not evidence)
