"""The stores that an erasure answers for: what each holds of it before, and what each still yields afterwards."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import redis
from django.conf import settings
from django.db import connection, connections, router
from django.utils import timezone
from redis.client import Pipeline

from consent import leaf
from consent.values import Scope
from portal.events import second_reading, segments
from portal.events.rewrite import Touched
from portal.events.second_reading import BLOCKS, FRONTS, SEGMENTS, VOLUMES
from portal.rights.models import Bundle, SubjectRequest
from portal.vault import objects
from portal.vault.models import SubjectKey

OBJECTS, COPIES, OLD_KEYS = "objects", "copies", "keys of the old epoch"
REDIS, FILES = "queue and cache", "files and logs"
# What no queue, cache, mail or log may ever hold of anybody: the names of events, as the W3C has them.
SIGNS = (b"pointermove", b"pointerdown", b"pointerup", b"keydown", b"keyup", b"deltaY")
# Where programs write by themselves; databases, objects and keys are read by other means.
WRITTEN = ("log", "mail", "letters")
PIECE = 1 << 20
# So many keys of Redis are asked for in one round trip.
MANY = 500
WAYS: dict[bytes, Callable[[Pipeline, bytes], object]] = {
    b"string": lambda pipe, key: pipe.get(key),
    b"list": lambda pipe, key: pipe.lrange(key, 0, -1),
    b"set": lambda pipe, key: pipe.smembers(key),
    b"zset": lambda pipe, key: pipe.zrange(key, 0, -1),
    b"hash": lambda pipe, key: pipe.hgetall(key),
    b"stream": lambda pipe, key: pipe.xrange(key),
}
# How much a person's tables hold of some days and months, and how many copies there are.
HELD = """
SELECT (SELECT count(*) FROM events_block WHERE subject_id = %(me)s AND day = ANY(%(days)s::date[])),
       (SELECT count(*) FROM events_segment WHERE subject_id = %(me)s AND day = ANY(%(days)s::date[])),
       (SELECT count(*) FROM events_volume WHERE subject_id = %(me)s AND month = ANY(%(months)s::text[])),
       (SELECT count(*) FROM events_lastfocus WHERE subject_id = %(me)s AND month = ANY(%(months)s::text[])),
       (SELECT count(*) FROM rights_bundle WHERE subject_id = %(me)s)
"""
KEYS = """
SELECT (SELECT count(*) FROM vault_subjectkey WHERE subject_id = %(me)s AND kind = %(kind)s AND epoch = %(epoch)s)
     + (SELECT count(*) FROM vault_keylist WHERE subject_id = %(me)s AND epoch = %(epoch)s)
"""


def manifest(request: SubjectRequest, old_epoch: int, touched: Touched) -> dict[str, int]:
    """Count what each store holds that the erasure touches, before anything is taken out of it."""
    me, days = request.subject_id, touched.days
    months = sorted({month for month, _name in touched.keys})
    with connection.cursor() as cursor:
        cursor.execute(HELD, {"me": me, "days": days, "months": months})
        counts = dict(zip((BLOCKS, SEGMENTS, VOLUMES, FRONTS, COPIES), cursor.fetchone(), strict=True))
    return {
        **counts,
        OBJECTS: sum(1 for day in days for _name in objects.names(segments.prefix_of(me, day))),
        OLD_KEYS: _keys_of(me, old_epoch),
        REDIS: in_redis(),
        FILES: in_files(),
    }


def read(
    subject_id: UUID, scope: Scope, asked_ms: int, *, old_epoch: int, copies: Collection[str]
) -> list[dict[str, Any]]:
    """Read every store anew, whatever the steps before believed; return what each yields, and when it was read."""
    found = second_reading.residue_of(subject_id, scope, asked_ms)
    found[OBJECTS] = found[SEGMENTS]
    found[COPIES] = sum(1 for each in copies for _name in objects.names(f"bundles/{each}"))
    found[COPIES] += Bundle.objects.filter(pk__in=copies).count() if copies else 0
    found[OLD_KEYS] = _keys_of(subject_id, old_epoch)
    found |= {REDIS: in_redis(), FILES: in_files()}
    at = leaf.stamp(timezone.now())
    return [{"store": store, "found": count, "read_at": at} for store, count in found.items()]


def _keys_of(subject_id: UUID, epoch: int) -> int:
    """Return how many keys and lists of keys there are under which nothing may be opened any more."""
    with connections[router.db_for_read(SubjectKey)].cursor() as cursor:
        cursor.execute(KEYS, {"me": subject_id, "epoch": epoch, "kind": SubjectKey.Kind.DATA})
        return int(cursor.fetchone()[0])


# --- where nothing of anybody's events may ever stand in clear


def in_redis() -> int:
    """Return how many values of the queue and the cache hold an event."""
    return sum(1 for _place, value in redis_values() if _has_event(value))


def redis_values() -> Iterator[tuple[str, bytes]]:
    """Yield every key of every database of Redis, with all it holds."""
    names = {name[2:] for name in _redis(settings.REDIS_URL).info("keyspace")}
    for number in sorted(names):
        database = _redis(f"{settings.REDIS_URL}/{number}")
        every = database.scan_iter(count=MANY)
        while keys := list(islice(every, MANY)):
            for key, held in zip(keys, _held(database, keys), strict=True):
                yield f"{number}/{key.decode(errors='replace')}", key + b"\n" + held


@cache
def _redis(url: str) -> redis.Redis:
    """Stay connected: to connect anew for each deletion took longer than to read."""
    return redis.Redis.from_url(url)


def _held(database: redis.Redis, keys: Sequence[bytes]) -> list[bytes]:
    """Return what each of many keys holds, whatever kind it is of: nearly all are strings, read by one command."""
    strings = database.mget(keys)
    others = [key for key, value in zip(keys, strings, strict=True) if value is None]
    found = dict(zip(others, _no_strings(database, others), strict=True)) if others else {}
    return [found[key] if value is None else value for key, value in zip(keys, strings, strict=True)]


def _no_strings(database: redis.Redis, keys: Sequence[bytes]) -> list[bytes]:
    with database.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.type(key)
        kinds = pipe.execute()
        known = [(key, kind) for key, kind in zip(keys, kinds, strict=True) if kind in WAYS]
        for key, kind in known:
            WAYS[kind](pipe, key)
        answers = dict(zip(known, pipe.execute(), strict=True))
    return [b"\n".join(_parts(answers.get(each))) for each in zip(keys, kinds, strict=True)]


def _parts(answer: object) -> Iterable[bytes]:
    """Return an answer of Redis in pieces: one value, many, pairs, or what nests deeper as it is shown."""
    if isinstance(answer, dict):
        return (part for pair in answer.items() for part in pair)
    if isinstance(answer, list | set):
        return (each if isinstance(each, bytes) else repr(each).encode() for each in answer)
    return [answer] if isinstance(answer, bytes) else []


def in_files() -> int:
    """Return how many files beside the databases and the vault hold an event: logs, mail, whatever was left."""
    return sum(1 for path in _files() if any(map(_has_event, pieces(path))))


def _files() -> Iterator[Path]:
    yield from (path for path in settings.VAR.glob("*") if path.is_file())
    for folder in WRITTEN:
        yield from (path for path in (settings.VAR / folder).rglob("*") if path.is_file())


def pieces(path: Path, overlap: int = 64) -> Iterator[bytes]:
    """Yield a file in pieces that overlap, so that nothing is cut in two; what goes away meanwhile yields no more."""
    try:
        with path.open("rb") as file:
            before = b""
            while piece := file.read(PIECE):
                yield before + piece
                before = piece[-overlap:]
    except (FileNotFoundError, PermissionError):
        return


def _has_event(value: bytes) -> bool:
    return any(sign in value for sign in SIGNS)
