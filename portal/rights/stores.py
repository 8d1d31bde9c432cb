"""The stores that an erasure answers for: what each holds of it before, and what each still yields afterwards."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import redis
from django.conf import settings
from django.utils import timezone

from consent import leaf
from consent.values import Scope
from portal.events import rewrite, second_reading, segments
from portal.events.models import Block, LastFocus, Segment, Volume
from portal.events.second_reading import BLOCKS, FRONTS, SEGMENTS, VOLUMES
from portal.rights.models import Bundle, SubjectRequest
from portal.vault import objects
from portal.vault.models import KeyList, SubjectKey

OBJECTS, COPIES, OLD_KEYS = "objects", "copies", "keys of the old epoch"
REDIS, FILES = "queue and cache", "files and logs"
# What no queue, cache, mail or log may ever hold of anybody: the names of events, as the W3C has them.
SIGNS = (b"pointermove", b"pointerdown", b"pointerup", b"keydown", b"keyup", b"deltaY")
# Where programs write by themselves; databases, objects and keys are read by other means.
WRITTEN = ("log", "mail", "letters")
PIECE = 1 << 20


def manifest(request: SubjectRequest, old_epoch: int) -> dict[str, int]:
    """Count what each store holds that the erasure touches, before anything is taken out of it."""
    me, days = request.subject_id, rewrite.touched_days(request.subject_id, request.wanted)
    months = {month for month, _name in rewrite.touched_keys(me, request.wanted)}
    return {
        BLOCKS: Block.objects.for_subject(me).filter(day__in=days).count(),
        SEGMENTS: Segment.objects.for_subject(me).filter(day__in=days).count(),
        OBJECTS: sum(1 for day in days for _name in objects.names(segments.prefix_of(me, day))),
        VOLUMES: Volume.objects.for_subject(me).filter(month__in=months).count(),
        FRONTS: LastFocus.objects.for_subject(me).filter(month__in=months).count(),
        COPIES: Bundle.objects.filter(subject_id=me).count(),
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
    found[COPIES] += Bundle.objects.filter(pk__in=copies).count()
    found[OLD_KEYS] = _keys_of(subject_id, old_epoch)
    found |= {REDIS: in_redis(), FILES: in_files()}
    at = leaf.stamp(timezone.now())
    return [{"store": store, "found": count, "read_at": at} for store, count in found.items()]


def _keys_of(subject_id: UUID, epoch: int) -> int:
    """Return how many keys and lists of keys there are under which nothing may be opened any more."""
    return (
        SubjectKey.objects.data(subject_id).filter(epoch=epoch).count() + KeyList.objects.of(subject_id, epoch).count()
    )


# --- where nothing of anybody's events may ever stand in clear


def in_redis() -> int:
    """Return how many values of the queue and the cache hold an event."""
    return sum(1 for _place, value in redis_values() if _has_event(value))


def redis_values() -> Iterator[tuple[str, bytes]]:
    """Yield every key of every database of Redis, with all it holds."""
    with redis.Redis.from_url(settings.REDIS_URL) as server:
        names = {name[2:] for name in server.info("keyspace")}
    for number in sorted(names):
        with redis.Redis.from_url(f"{settings.REDIS_URL}/{number}") as database:
            for key in database.scan_iter(count=1000):
                yield f"{number}/{key.decode(errors='replace')}", key + b"\n" + _held(database, key)


def _held(database: redis.Redis, key: bytes) -> bytes:
    """Return what a key holds, whatever kind it is of."""
    kind = database.type(key)
    ways = {
        b"string": lambda: [database.get(key) or b""],
        b"list": lambda: database.lrange(key, 0, -1),
        b"set": lambda: database.smembers(key),
        b"zset": lambda: database.zrange(key, 0, -1),
        b"hash": lambda: [part for pair in database.hgetall(key).items() for part in pair],
        b"stream": lambda: [repr(database.xrange(key)).encode()],
    }
    return b"\n".join(ways[kind]()) if kind in ways else b""


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
