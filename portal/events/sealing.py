"""Turns a day's blocks, and the segment before, into the next generation of the day's segment.

Whatever happens between two steps loses nothing: the new object is read back before the commit that names it, that
commit deletes exactly the blocks which were read, and the older object is deleted only after it.
"""

from __future__ import annotations

import logging
import math
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from uuid import UUID

import pyarrow as pa
from django.db import transaction
from django.db.models import Count, Q

from consent import gate
from consent.values import GateState
from portal.events import daybook, matching, segments, volumes
from portal.events.daybook import Day
from portal.events.models import Block, Segment, Volume
from portal.vault import cipher, keys, objects

# Behind UTC no zone is further than this: a day is over everywhere.
LATEST_ZONE = timedelta(hours=12)
# What keeps one day from being sealed; the store being away keeps all of them.
CANNOT = (OSError, keys.KeyGone, cipher.WrongKey, cipher.Damaged, segments.Unfaithful)
MOST_FAILURES = 3
# A day still going on is sealed as well once so many batches wait, so that a page stays quick to read.
MANY_BLOCKS = 240
log = logging.getLogger(__name__)


class Overtaken(Exception):
    """Somebody changed the day, or the keys, since it was read: nothing was written."""


def seal_day(subject_id: UUID, day: date) -> bool:
    """Seal what waits of a day; return whether it was sealed. Safe to repeat, and to run beside itself."""
    state = gate.read(subject_id)
    seen = daybook.look(subject_id, day)
    if state is None or not seen.blocks:
        return False
    table = daybook.load(seen)
    if matching.fenced(table, state):
        # An erasure is about to take some of this out; what it has not written must not get a new key.
        return False
    fresh = any(block.body for block in seen.blocks)
    name = _put(seen, table, state.key_epoch) if fresh else ""
    with unnamed_if_overtaken(name), transaction.atomic():
        replace(seen, state, name)
    if name and seen.segment:
        objects.delete(seen.segment.name)
    return True


@contextmanager
def unnamed_if_overtaken(name: str) -> Iterator[None]:
    """Delete the new object when the commit that was to name it finds that it was overtaken."""
    try:
        yield
    except Overtaken:
        if name:
            objects.delete(name)
        raise


def _put(seen: Day, table: pa.Table, epoch: int) -> str:
    header = segments.Header(seen.subject_id, seen.day, seen.generation + 1, epoch)
    return segments.put(header, table)


def replace(seen: Day, state: GateState, name: str) -> None:
    """Name the new object in place of what was read; raises Overtaken if that is no longer what there is."""
    held = gate.hold(seen.subject_id)
    if held is None or held.key_epoch != state.key_epoch:
        raise Overtaken
    volume = volumes.lock(seen.subject_id, seen.day.isoformat()[:7], state.key_epoch)
    found = claim(seen)
    fold_into(volume, found, state.key_epoch)
    volumes.discard(found)
    if name:
        point(seen, state.key_epoch, name)


def claim(seen: Day) -> list[Block]:
    """Lock segment and blocks as they were read; raises Overtaken."""
    rows = Segment.objects.for_subject(seen.subject_id).filter(day=seen.day)
    now = rows.select_for_update().first()
    before = seen.segment
    if (now and (now.pk, now.generation, now.name)) != (before and (before.pk, before.generation, before.name)):
        raise Overtaken
    ids = [block.pk for block in seen.blocks]
    found = list(Block.objects.filter(pk__in=ids).select_for_update().order_by("pk"))
    if len(found) != len(ids):
        raise Overtaken
    return found


def fold_into(volume: Volume, found: list[Block], epoch: int) -> None:
    counted = volumes.opened(volume)
    volumes.take_in(counted, [block for block in found if not block.folded])
    volumes.write(volume, counted, epoch)


def point(seen: Day, epoch: int, name: str) -> None:
    if seen.segment is None:
        Segment.objects.create(
            subject_id=seen.subject_id, day=seen.day, generation=seen.generation + 1, epoch=epoch, name=name
        )
        return
    changed = {"generation": seen.generation + 1, "epoch": epoch, "name": name}
    Segment.objects.filter(pk=seen.segment.pk).update(**changed)


def due(now: datetime) -> list[tuple[UUID, date]]:
    """Return finished days with blocks, and today's where many wait."""
    over = (now - LATEST_ZONE).date()
    rows = Block.objects.values("subject_id", "day").annotate(waiting=Count("pk"))
    found = rows.filter(Q(day__lt=over) | Q(waiting__gte=MANY_BLOCKS)).order_by("day")
    return [(row["subject_id"], row["day"]) for row in found]


def waiting() -> list[tuple[UUID, date]]:
    """Return every day with blocks, today's too."""
    rows = Block.objects.values_list("subject_id", "day").distinct().order_by("day", "subject_id")
    return list(rows)


def seal(days: list[tuple[UUID, date]], seconds: float = math.inf) -> tuple[int, int]:
    """Seal these days for so long; return how many were sealed and how many must wait for their next turn.

    A day that cannot be sealed holds up no other; raises OSError where the vault takes or gives nothing at all.
    """
    ends, done, failures = time.monotonic() + seconds, 0, 0
    for subject_id, day in _from_anywhere(days):
        if time.monotonic() > ends:
            break
        try:
            done += seal_day(subject_id, day)
            failures = 0
        except (Overtaken, objects.Missing):
            continue
        except CANNOT as error:
            log.warning("%s %s waits: %s", subject_id, day, type(error).__name__)
            failures += isinstance(error, OSError)
            if failures == MOST_FAILURES:
                raise
    return done, len(days) - done


def _from_anywhere(days: list[tuple[UUID, date]]) -> list[tuple[UUID, date]]:
    """Begin at another place each time, so that two at once share the work instead of overtaking each other."""
    start = secrets.randbelow(len(days)) if days else 0
    return days[start:] + days[:start]
