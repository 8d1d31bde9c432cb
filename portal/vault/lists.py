"""Rows of the keyring, opened and closed: data keys, and the month lists sealed under them."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from portal.vault import kek, keyring
from portal.vault.cipher import Key, aad, open_sealed, seal
from portal.vault.keylist import Entries
from portal.vault.models import KeyList, SubjectKey, SubjectKeyQuerySet


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


def open_list(row: KeyList, data_key: Key) -> Entries:
    return Entries.decode(open_sealed(data_key, bytes(row.sealed), _place(row)))


def lock_list(subject_id: UUID, epoch: int, month: str, data_key: Key) -> KeyList:
    """Return the list's row for a change, made empty where there is none; of two makers one waits for the other."""
    fresh = KeyList(subject_id=subject_id, epoch=epoch, month=month)
    _close(fresh, data_key, Entries())
    KeyList.objects.bulk_create([fresh], ignore_conflicts=True)
    return KeyList.objects.of(subject_id, epoch).select_for_update().get(month=month)


def store(row: KeyList, data_key: Key, entries: Entries) -> None:
    """Write a locked list, and its copy outside before anybody can use what is new in it."""
    _close(row, data_key, entries)
    KeyList.objects.filter(pk=row.pk).update(sealed=row.sealed)
    keyring.append([row])


def insert_keys(wrapping_key: Key, rows: Iterable[SubjectKey]) -> None:
    """Add new keys where there are none, wrapped and copied outside."""
    for row in rows:
        kek.wrap(wrapping_key, row, Key.new())
        SubjectKey.objects.bulk_create([row], ignore_conflicts=True)
        place = {"subject_id": row.subject_id, "kind": row.kind, "epoch": row.epoch}
        keyring.append(SubjectKey.objects.filter(**place))


def _opened(query: SubjectKeyQuerySet) -> dict[tuple[str, int], Key]:
    return {(row.kind, row.epoch): kek.unwrap(row) for row in query}


def _close(row: KeyList, data_key: Key, entries: Entries) -> None:
    row.sealed = seal(data_key, entries.encode(), _place(row))


def _place(row: KeyList) -> bytes:
    return aad("key-list", row.subject_id, row.epoch, row.month)
