"""Rows of the keyring, opened and closed: data keys, and the month lists sealed under them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connections, router

from portal.vault import kek
from portal.vault.cipher import Key, aad, open_sealed, seal
from portal.vault.keylist import Entries
from portal.vault.models import KeyList, SubjectKey

# Whoever reads or deletes anything asks these: put together by the ORM they took longer than all that they do.
READ = """
SELECT id, subject_id, kind, epoch, wrapped, kek_id FROM vault_subjectkey WHERE subject_id = %s AND kind = %s
"""
LOCK_ALL = f"{READ} ORDER BY epoch FOR NO KEY UPDATE"
LOCK_SOME = f"{READ} AND epoch = ANY(%s) ORDER BY epoch FOR NO KEY UPDATE"
INSERT = """
INSERT INTO vault_subjectkey (subject_id, kind, epoch, wrapped, kek_id) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""
LISTS = "SELECT id, subject_id, epoch, month, sealed FROM vault_keylist WHERE subject_id = %s"
OF_MONTH = f"{LISTS} AND month = %s"
LOCK_LISTS = f"""
{LISTS} AND epoch = ANY(%s) AND (%s::text[] IS NULL OR month = ANY(%s::text[])) ORDER BY epoch, month FOR UPDATE
"""
WRITE = """
INSERT INTO vault_keylist (subject_id, epoch, month, sealed)
SELECT %s, %s, month, sealed FROM unnest(%s::text[], %s::bytea[]) AS changed (month, sealed)
ON CONFLICT (subject_id, epoch, month) DO UPDATE SET sealed = excluded.sealed
"""
REMOVE = """
WITH listed AS (DELETE FROM vault_keylist WHERE subject_id = %s AND epoch = %s)
DELETE FROM vault_subjectkey WHERE subject_id = %s AND epoch = %s AND kind = %s
"""


class KeyGone(Exception):
    """There is no such key: never made, or destroyed."""


def open_rows(read: Callable[[], Iterable[SubjectKey]]) -> dict[tuple[str, int], Key]:
    """Return keys by kind and epoch; rows that a renewal re-wrapped since they were read are read again."""
    try:
        return _opened(read())
    except kek.UnknownKek:
        return _opened(read())


def evidence_key(subject_id: UUID) -> Key:
    """Return the key of a person's evidence; raises KeyGone."""
    for key in open_rows(lambda: _rows(READ, [subject_id, SubjectKey.Kind.EVIDENCE])).values():
        return key
    raise KeyGone


def data_keys(subject_id: UUID) -> dict[int, Key]:
    """Return the data keys of a person by epoch."""
    return _by_epoch(lambda: _rows(READ, [subject_id, SubjectKey.Kind.DATA]))


def lock_data_key(subject_id: UUID, epoch: int) -> Key:
    """Keep an epoch from being destroyed until the caller's transaction ends; raises KeyGone."""
    try:
        return lock_data_keys(subject_id, epoch)[epoch]
    except KeyError:
        raise KeyGone from None


def lock_data_keys(subject_id: UUID, *epochs: int) -> dict[int, Key]:
    """Do the same for several epochs in their order, or without any for all; those that are not there are left out."""
    return _by_epoch(lambda: lock_data_rows(subject_id, *epochs))


def lock_data_rows(subject_id: UUID, *epochs: int) -> list[SubjectKey]:
    """Do so without opening them."""
    statement, values = (LOCK_SOME, [list(epochs)]) if epochs else (LOCK_ALL, [])
    return _rows(statement, [subject_id, SubjectKey.Kind.DATA, *values])


def open_list(row: KeyList, data_key: Key) -> Entries:
    return Entries.decode(open_sealed(data_key, bytes(row.sealed), _place(row)))


def lock_lists(
    subject_id: UUID, data_keys: Mapping[int, Key], months: Collection[str] | None = None
) -> dict[int, dict[str, Entries]]:
    """Return lists by epoch and month for a change, of these months or of all; one that is not there is left out.

    Whoever makes or changes a list has locked its epoch's data key before, so that nobody makes one meanwhile.
    """
    wanted = None if months is None else list(months)
    found: dict[int, dict[str, Entries]] = {epoch: {} for epoch in data_keys}
    for values in _fetched(LOCK_LISTS, [subject_id, list(data_keys), wanted, wanted]):
        row = KeyList(*values)
        found[row.epoch][row.month] = open_list(row, data_keys[row.epoch])
    return found


def of_month(subject_id: UUID, month: str) -> dict[int, KeyList]:
    """Return one month's lists by epoch, closed."""
    return {row.epoch: row for row in (KeyList(*values) for values in _fetched(OF_MONTH, [subject_id, month]))}


def write(subject_id: UUID, epoch: int, data_key: Key, changed: Mapping[str, Entries]) -> list[KeyList]:
    """Write an epoch's lists by month, new or locked, in one statement; return their rows.

    Append these to the keyring before the commit: nobody may use what is new in them earlier.
    """
    rows = [KeyList(subject_id=subject_id, epoch=epoch, month=month) for month in sorted(changed)]
    for row in rows:
        _close(row, data_key, changed[row.month])
    if rows:
        _executed(WRITE, [subject_id, epoch, [row.month for row in rows], [row.sealed for row in rows]])
    return rows


def remove(subject_id: UUID, epoch: int) -> None:
    """Delete an epoch's data key and lists."""
    _executed(REMOVE, [subject_id, epoch, subject_id, epoch, SubjectKey.Kind.DATA])


def insert_keys(wrapping_key: Key, rows: Collection[SubjectKey]) -> None:
    """Add new keys, wrapped, where there are none yet.

    Append what then stands to the keyring before the commit.
    """
    for row in rows:
        kek.wrap(wrapping_key, row, Key.new())
        _executed(INSERT, [row.subject_id, row.kind, row.epoch, row.wrapped, row.kek_id])


def _rows(statement: str, values: Sequence[Any]) -> list[SubjectKey]:
    return [SubjectKey(*row) for row in _fetched(statement, values)]


def _fetched(statement: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connections[router.db_for_write(SubjectKey)].cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()


def _executed(statement: str, values: Sequence[Any]) -> None:
    with connections[router.db_for_write(SubjectKey)].cursor() as cursor:
        cursor.execute(statement, values)


def _by_epoch(read: Callable[[], Iterable[SubjectKey]]) -> dict[int, Key]:
    return {epoch: key for (_kind, epoch), key in open_rows(read).items()}


def _opened(rows: Iterable[SubjectKey]) -> dict[tuple[str, int], Key]:
    return {(row.kind, row.epoch): kek.unwrap(row) for row in rows}


def _close(row: KeyList, data_key: Key, entries: Entries) -> None:
    row.sealed = seal(data_key, entries.encode(), _place(row))


def _place(row: KeyList) -> bytes:
    return aad("key-list", row.subject_id, row.epoch, row.month)
