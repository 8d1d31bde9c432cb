"""Takes whole days out of the store, a month in one commit, without opening an event."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from consent import gate
from portal.events import daybook, segments, volumes
from portal.events.daybook import steadily
from portal.events.models import Block
from portal.events.sealing import Overtaken
from portal.events.tally import DayTally, Month, Tally
from portal.vault import objects

SEGMENTS = "SELECT id, day, epoch FROM events_segment WHERE subject_id = %s AND day = ANY(%s) ORDER BY id FOR UPDATE"
BLOCKS = """
SELECT id, subject_id, day, epoch, receipt_id, body, counts, folded FROM events_block
 WHERE subject_id = %s AND day = ANY(%s) ORDER BY id FOR UPDATE
"""
DROP = "DELETE FROM events_segment WHERE id = ANY(%s::bigint[])"


class _Segment(NamedTuple):
    pk: int
    day: date
    epoch: int


def drop(
    subject_id: UUID,
    days: Iterable[date],
    epoch: int,
    guard: Callable[[], None],
    settle: Callable[[date, DayTally], None] | None = None,
) -> set[date]:
    """Delete these days, and what lies of them from before the epoch; return those that are gone. Safe to repeat.

    A day of which something was written since the fence stands is left as it is. `guard` is asked in each commit,
    behind the person's gate row: what it raises leaves the month as it was. `settle` takes out of what is counted
    beside the events what goes as well; without it all of it goes. Raises sealing.Overtaken.
    """
    months: dict[str, list[date]] = defaultdict(list)
    for day in days:
        months[day.isoformat()[:7]].append(day)
    gone: set[date] = set()
    for month, each in sorted(months.items()):
        gone |= _drop_month(subject_id, month, each, epoch, guard, settle)
    sweep(subject_id, gone, epoch)
    return gone


def _drop_month(
    subject_id: UUID,
    month: str,
    days: Collection[date],
    epoch: int,
    guard: Callable[[], None],
    settle: Callable[[date, DayTally], None] | None,
) -> set[date]:
    with transaction.atomic():
        held = gate.hold(subject_id)
        if held is None or held.key_epoch != epoch:
            raise Overtaken
        guard()
        volume = volumes.lock(subject_id, month, epoch)
        sealed = [_Segment(*row) for row in _locked(SEGMENTS, subject_id, days)]
        found = [Block(*row) for row in _locked(BLOCKS, subject_id, days)]
        gone = set(days) - {each.day for each in (*sealed, *found) if each.epoch >= epoch}
        counted = volumes.opened(volume)
        _uncount(counted, gone, [block for block in found if block.day in gone], settle)
        volumes.write(volume, counted, epoch)
        volumes.discard([block for block in found if block.day in gone])
        with connection.cursor() as cursor:
            cursor.execute(DROP, [[each.pk for each in sealed if each.day in gone]])
    return gone


def _locked(statement: str, subject_id: UUID, days: Collection[date]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [subject_id, list(days)])
        return cursor.fetchall()


def _uncount(
    counted: Month, gone: Iterable[date], found: Iterable[Block], settle: Callable[[date, DayTally], None] | None
) -> None:
    """Take days out of a month's counts; with `settle`, of what was dropped on arrival only what goes as well."""
    if settle is None:
        for day in gone:
            counted.pop(day.isoformat(), None)
        return
    volumes.take_in(counted, [block for block in found if not block.folded])
    for day in gone:
        here = counted.get(day.isoformat(), DayTally())
        for source, tally in here.sources.items():
            here.sources[source] = Tally(withheld=tally.withheld)
        settle(day, here)


def sweep(subject_id: UUID, days: Iterable[date], epoch: int) -> None:
    """Delete objects of older epochs, also those that no row names because somebody was killed."""
    for day in days:
        for name in objects.names(segments.prefix_of(subject_id, day)):
            if int(name.rpartition("/")[2].partition("-")[0]) < epoch:
                objects.delete(name)


def over_by(subject_id: UUID, day: date, asked_ms: int) -> bool:
    """Return whether every event of a day is known to be from before, without opening one; False where unsure."""
    data = steadily(lambda: daybook.sealed(daybook.look(subject_id, day)))
    return data is not None and segments.latest(data) < asked_ms
