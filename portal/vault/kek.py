"""Wrapping under the newest key-encryption key, and renewing it so that what was destroyed stays destroyed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connections, transaction

from portal.vault import kekfile, keyring
from portal.vault.cipher import ID_BYTES, Key, aad, key_id_of, open_sealed, seal
from portal.vault.kekfile import Keks
from portal.vault.models import SubjectKey

KEYS = "keys"
CHUNK = 2000
STALE = """
SELECT id, wrapped, subject_id, kind, epoch FROM vault_subjectkey WHERE kek_id <> %s ORDER BY id LIMIT %s FOR UPDATE
"""
LEFT = "SELECT FROM vault_subjectkey WHERE kek_id <> %s LIMIT 1"
# Built by the ORM, a row's own value in each line of it, this took ten times as long as all the rest.
REWRAPPED = """
UPDATE vault_subjectkey k SET kek_id = %s, wrapped = fresh.wrapped
  FROM unnest(%s::bigint[], %s::bytea[]) fresh(id, wrapped) WHERE k.id = fresh.id
"""
# Names of advisory locks in `keys`: who wraps holds the first shared; one renewal at a time holds the second.
WRAPPING = 0x4461_796C_0001
RENEWING = 0x4461_796C_0002


class UnknownKek(Exception):
    """A row names a key-encryption key that is not in the file: the row was re-wrapped since, or is from a backup."""


@contextmanager
def unrenewed() -> Iterator[None]:
    """A transaction of its own on `keys` during which no renewal ends, and none copies the keyring."""
    with transaction.atomic(using=KEYS, durable=True):
        _execute("SELECT pg_advisory_xact_lock_shared(%s)", WRAPPING)
        yield


@contextmanager
def wrapping() -> Iterator[Key]:
    """The same, for adding keys; yields the key to wrap with."""
    with unrenewed():
        yield newest()


@contextmanager
def still() -> Iterator[None]:
    """A transaction during which nobody else writes a key: what is read is the keyring of one moment."""
    with transaction.atomic(using=KEYS, durable=True):
        _execute("SELECT pg_advisory_xact_lock(%s)", WRAPPING)
        yield


def newest() -> Key:
    """Return the key to wrap with, as the file says now; ask only inside `wrapping()`."""
    keks = kekfile.read(settings.KEK_FILES)
    return keks.keys[keks.newest]


def wrap(kek: Key, row: SubjectKey, key: Key) -> None:
    """Put a key into its row, bound to it."""
    row.kek_id = kek.id.hex()
    row.wrapped = seal(kek, key.id + key.secret, _place(row))


def unwrap(row: SubjectKey) -> Key:
    """Return a row's key; raises UnknownKek if the file has no such key-encryption key, however often it is read."""
    named = key_id_of(bytes(row.wrapped))
    if named not in _keks().keys:
        _read.cache_clear()
    kek = _keks().keys.get(named)
    if kek is None:
        raise UnknownKek(row.kek_id)
    raw = open_sealed(kek, bytes(row.wrapped), _place(row))
    return Key(raw[:ID_BYTES], raw[ID_BYTES:])


def renew() -> str:
    """Wrap every key anew and forget the key-encryption keys before; return the new one's id.

    Killed anywhere, everything stays readable, and the next renewal finishes: it always begins with a key of its own,
    since what was destroyed meanwhile may have been wrapped by the one it found.
    """
    with _one_at_a_time():
        fresh = _introduce()
        while _rewrap_some(fresh):
            pass
        _settle(fresh)
        kekfile.write(settings.KEK_FILES, kekfile.read(settings.KEK_FILES).only_newest())
    return fresh.id.hex()


def _introduce() -> Key:
    """Put a new key into both copies, and only then name it newest: what is wrapped by it survives either copy."""
    fresh = Key.new()
    held = kekfile.read(settings.KEK_FILES).holding(fresh)
    kekfile.write(settings.KEK_FILES, held)
    kekfile.write(settings.KEK_FILES, held.naming(fresh))
    return fresh


def _rewrap_some(fresh: Key) -> bool:
    with unrenewed():
        return _rewrap(fresh, CHUNK) == CHUNK


def _rewrap(fresh: Key, most: int) -> int:
    """Wrap some keys anew, all that is asked of a row done here at once: there are two of each person."""
    rows = _fetched(STALE, fresh.id.hex(), most)
    held = kekfile.read(settings.KEK_FILES).keys if rows else {}
    anew = [_anew(held, fresh, wrapped, aad("subject-key", *place)) for _pk, wrapped, *place in rows]
    if rows:
        _execute(REWRAPPED, fresh.id.hex(), [row[0] for row in rows], anew)
    return len(rows)


def _anew(held: Mapping[bytes, Key], fresh: Key, wrapped: bytes, place: bytes) -> bytes:
    old = held.get(key_id_of(wrapped))
    if old is None:
        raise UnknownKek(key_id_of(wrapped).hex())
    return seal(fresh, open_sealed(old, wrapped, place), place)


def _settle(fresh: Key) -> None:
    """With every other writer out: re-wrap what came in meanwhile, prove that none is left, copy the keyring."""
    with transaction.atomic(using=KEYS, durable=True):
        _execute("SELECT pg_advisory_xact_lock(%s)", WRAPPING)
        while _rewrap(fresh, CHUNK) == CHUNK:
            pass
        if _fetched(LEFT, fresh.id.hex()):
            message = "a key is still wrapped by an old key-encryption key"
            raise RuntimeError(message)
        keyring.write_fresh()


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Held by the session, since a renewal commits more than once."""
    _execute("SELECT pg_advisory_lock(%s)", RENEWING)
    try:
        yield
    finally:
        _execute("SELECT pg_advisory_unlock(%s)", RENEWING)


def _execute(sql: str, *given: Any) -> None:
    with connections[KEYS].cursor() as cursor:
        cursor.execute(sql, given)


def _fetched(sql: str, *given: Any) -> list[tuple[Any, ...]]:
    with connections[KEYS].cursor() as cursor:
        cursor.execute(sql, given)
        return cursor.fetchall()


def _place(row: SubjectKey) -> bytes:
    return aad("subject-key", row.subject_id, row.kind, row.epoch)


def _keks() -> Keks:
    """What the file holds, read again whenever it was written: no process keeps a key that was taken out."""
    paths = tuple(settings.KEK_FILES)
    return _read(paths, kekfile.signature(paths))


@lru_cache(maxsize=1)
def _read(paths: tuple[Path, ...], _written: tuple[object, ...]) -> Keks:
    return kekfile.read(paths)
