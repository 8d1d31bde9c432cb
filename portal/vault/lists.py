"""Rows of the keyring, opened and closed: data keys, and the month lists sealed under them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from django.db import connections, router

from portal.vault import kek
from portal.vault.cipher import Key, aad, open_sealed, seal
from portal.vault.keylist import Entries
from portal.vault.models import KeyList, SubjectKey, SubjectKeyQuerySet

REMOVE = """
WITH listed AS (DELETE FROM vault_keylist WHERE subject_id = %s AND epoch = %s)
DELETE FROM vault_subjectkey WHERE subject_id = %s AND epoch = %s AND kind = %s
"""


class KeyGone(Exception):
    """There is no such key: never made, or destroyed."""


def open_rows(query: SubjectKeyQuerySet) -> dict[tuple[str, int], Key]:
    """Return keys by kind and epoch; rows that a renewal re-wrapped since they were read are read again."""
    try:
        return _opened(query.all())
    except kek.UnknownKek:
        return _opened(query.all())


def open_one(query: SubjectKeyQuerySet) -> Key:
    """Return the only key of the query; raises KeyGone."""
    for key in open_rows(query).values():
        return key
    raise KeyGone


def lock_data_key(subject_id: UUID, epoch: int) -> Key:
    """Keep an epoch from being destroyed until the caller's transaction ends; raises KeyGone."""
    return open_one(SubjectKey.objects.data(subject_id).filter(epoch=epoch).select_for_update(no_key=True))


def lock_data_keys(subject_id: UUID, *epochs: int) -> dict[int, Key]:
    """Do the same for several epochs in their order, or without any for all; those that are not there are left out."""
    rows = SubjectKey.objects.data(subject_id)
    rows = rows.filter(epoch__in=epochs) if epochs else rows
    locked = open_rows(rows.select_for_update(no_key=True).order_by("epoch"))
    return {epoch: key for (_kind, epoch), key in locked.items()}


def open_list(row: KeyList, data_key: Key) -> Entries:
    return Entries.decode(open_sealed(data_key, bytes(row.sealed), _place(row)))


def lock_lists(
    subject_id: UUID, data_keys: Mapping[int, Key], months: Collection[str] | None = None
) -> dict[int, dict[str, Entries]]:
    """Return lists by epoch and month for a change, of these months or of all; one that is not there is left out.

    Whoever makes or changes a list has locked its epoch's data key before, so that nobody makes one meanwhile.
    """
    rows = KeyList.objects.filter(subject_id=subject_id, epoch__in=data_keys)
    rows = rows if months is None else rows.filter(month__in=months)
    found: dict[int, dict[str, Entries]] = {epoch: {} for epoch in data_keys}
    for row in rows.select_for_update().order_by("epoch", "month"):
        found[row.epoch][row.month] = open_list(row, data_keys[row.epoch])
    return found


def write(subject_id: UUID, epoch: int, data_key: Key, changed: Mapping[str, Entries]) -> list[KeyList]:
    """Write an epoch's lists by month, new or locked, in one statement; return their rows.

    Append these to the keyring before the commit: nobody may use what is new in them earlier.
    """
    rows = [KeyList(subject_id=subject_id, epoch=epoch, month=month) for month in sorted(changed)]
    for row in rows:
        _close(row, data_key, changed[row.month])
    if rows:
        named = ["subject_id", "epoch", "month"]
        KeyList.objects.bulk_create(rows, update_conflicts=True, unique_fields=named, update_fields=["sealed"])
    return rows


def remove(subject_id: UUID, epoch: int) -> None:
    """Delete an epoch's data key and lists."""
    with connections[router.db_for_write(SubjectKey)].cursor() as cursor:
        cursor.execute(REMOVE, [subject_id, epoch, subject_id, epoch, SubjectKey.Kind.DATA])


def insert_keys(wrapping_key: Key, rows: Collection[SubjectKey]) -> None:
    """Add new keys, wrapped, where there are none yet.

    Append what then stands to the keyring before the commit.
    """
    for row in rows:
        kek.wrap(wrapping_key, row, Key.new())
    SubjectKey.objects.bulk_create(rows, ignore_conflicts=True)


def _opened(query: SubjectKeyQuerySet) -> dict[tuple[str, int], Key]:
    return {(row.kind, row.epoch): kek.unwrap(row) for row in query}


def _close(row: KeyList, data_key: Key, entries: Entries) -> None:
    row.sealed = seal(data_key, entries.encode(), _place(row))


def _place(row: KeyList) -> bytes:
    return aad("key-list", row.subject_id, row.epoch, row.month)
