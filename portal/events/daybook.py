"""One moment's view of a person's day: its segment and the blocks beside it, opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import TypeVar
from uuid import UUID

import pyarrow as pa
from django.db import connection
from django.db.models import Exists, OuterRef

from portal.events import blocks, segments
from portal.events.models import Block, Segment
from portal.vault import keys, objects

# A reader that misses an object or a key was overtaken by sealing or an erasure, and looks again.
ATTEMPTS = 6
Found = TypeVar("Found")

# One statement, so that no event is seen twice or not at all while a sealing commits.
VIEW = """
SELECT id, epoch, generation, name, NULL, NULL, NULL, NULL FROM events_segment WHERE subject_id = %s AND day = %s
UNION ALL
SELECT id, epoch, NULL, NULL, receipt_id, body, counts, folded FROM events_block WHERE subject_id = %s AND day = %s
ORDER BY 1
"""


@dataclass(frozen=True)
class Day:
    """What holds a day at one moment."""

    subject_id: UUID
    day: date
    segment: Segment | None
    blocks: tuple[Block, ...]

    @property
    def generation(self) -> int:
        return self.segment.generation if self.segment else 0


def look(subject_id: UUID, day: date) -> Day:
    with connection.cursor() as cursor:
        cursor.execute(VIEW, [subject_id, day, subject_id, day])
        rows = cursor.fetchall()
    segment = None
    found = []
    for pk, epoch, generation, name, receipt_id, body, counts, folded in rows:
        whose = {"pk": pk, "subject_id": subject_id, "day": day, "epoch": epoch}
        if name is not None:
            segment = Segment(**whose, generation=generation, name=name)
        else:
            found.append(Block(**whose, receipt_id=receipt_id, body=body, counts=counts, folded=folded))
    return Day(subject_id, day, segment, tuple(found))


def whole(subject_id: UUID) -> dict[date, Segment]:
    """Return the segments of all days that have nothing beside it."""
    beside = Block.objects.filter(subject_id=subject_id, day=OuterRef("day")).with_body()
    found = Segment.objects.for_subject(subject_id).filter(~Exists(beside))
    return {segment.day: segment for segment in found}


def load(seen: Day) -> pa.Table:
    """Return a day's events in order of time, columns as stored; raises Missing or KeyGone if overtaken."""
    return segments.joined(tables(seen.segment, seen.blocks))


def sealed(seen: Day) -> bytes | None:
    """Return a day's one Parquet file; None where there is none, or events beside it."""
    if seen.segment is None or any(block.body for block in seen.blocks):
        return None
    return segments.parquet(seen.segment)


def tables(segment: Segment | None, found: Iterable[Block]) -> list[pa.Table]:
    older = [segments.load(segment)] if segment else []
    return older + [segments.from_body(blocks.body(block)) for block in found if block.body]


def steadily(read: Callable[[], Found]) -> Found:
    """Call until nobody overtakes; the last attempt's error is the caller's."""
    for _attempt in range(ATTEMPTS - 1):
        try:
            return read()
        except (objects.Missing, keys.KeyGone):
            continue
    return read()
