"""Reads a person's days back: how much of what, page by page, or all of a day."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from uuid import UUID

import pyarrow as pa
from django.db import connection

from portal.events import blocks, daybook, segments, tally, volumes
from portal.events.daybook import steadily
from portal.events.models import Block, Volume
from portal.events.openday import PLACE, OpenDay, open_day
from portal.events.tally import Month
from portal.events.values import DayTotal, EventPage, Filter

# One statement: a fold that commits in between would count a block twice, or not at all.
COUNTED = """
SELECT month, version, sealed, NULL, NULL FROM events_volume WHERE subject_id = %s AND month BETWEEN %s AND %s
UNION ALL
SELECT NULL, NULL, counts, day, receipt_id FROM events_block
 WHERE subject_id = %s AND NOT folded AND day >= %s AND day < %s
"""


def counted(subject_id: UUID, month: str | None = None) -> Month:
    """Return a person's counts by day, of a month or of all time."""
    return steadily(lambda: _counted(subject_id, month))


def _counted(subject_id: UUID, month: str | None) -> Month:
    first, last = volumes.bounds(month) if month else ("0001-01-01", "9999-12-31")
    with connection.cursor() as cursor:
        cursor.execute(COUNTED, [subject_id, month or "0000", month or "9999", subject_id, first, last])
        rows = cursor.fetchall()
    found: Month = {}
    for of, version, sealed, day, receipt_id in rows:
        if of is not None:
            volume = Volume(subject_id=subject_id, month=of, version=version, sealed=sealed)
            tally.add_to(found, ((date.fromisoformat(each), n) for each, n in volumes.opened(volume).items()))
        else:
            block = Block(subject_id=subject_id, day=day, receipt_id=receipt_id, counts=sealed)
            tally.add_to(found, [(day, blocks.counts(block))])
    return found


def days(subject_id: UUID, month: str | None = None) -> list[DayTotal]:
    """Return what was kept and withheld a day, oldest first, without opening an event."""
    found = counted(subject_id, month)
    return [found[day].total(date.fromisoformat(day)) for day in sorted(found)]


def stored_days(subject_id: UUID) -> list[date]:
    """Return the days of which there are events, oldest first."""
    return [total.day for total in days(subject_id) if total.events]


def still_sending(subject_id: UUID) -> dict[date, tuple[str, ...]]:
    """Return the sources that sent, a day, although nothing of theirs may be kept."""
    return {total.day: total.sending for total in days(subject_id) if total.sending}


def stored(subject_id: UUID, day: date) -> pa.Table:
    """Return the events of a day in order of time, columns as they are stored."""
    return steadily(lambda: daybook.load(daybook.look(subject_id, day)))


def table(subject_id: UUID, day: date) -> pa.Table:
    """Return the events of a day in order of time; a field that was not sent is null.

    `app` is as sent; `in_app` is the app the event belongs to. `key_purposes` are what the typed character is kept for.
    """
    return segments.outward(stored(subject_id, day))


def sealed(subject_id: UUID, day: date) -> bytes | None:
    """Return the Parquet file of a day as it is stored, or None while some of the day is not sealed."""
    return steadily(lambda: daybook.sealed(daybook.look(subject_id, day)))


def page(
    subject_id: UUID,
    day: date,
    *,
    categories: Collection[str] | None = None,
    sources: Collection[str] | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
    offset: int = 0,
    limit: int = 100,
) -> EventPage:
    """Return some events of a day as dictionaries without what was not sent."""
    wanted = Filter(_set(categories), _set(sources), from_ms, to_ms)
    return page_of(open_day(subject_id, day), wanted, offset, limit)


def page_of(opened: OpenDay, wanted: Filter, offset: int, limit: int) -> EventPage:
    """Return some events of an opened day, as a filter wants them."""
    positions = opened.chosen(wanted)
    shown = positions.slice(max(0, offset), limit)
    rows = segments.to_rows(opened.rows(opened.index[PLACE].take(shown).to_pylist()))
    ranks = tuple(opened.rank(position) for position in shown.to_pylist())
    return EventPage(rows, len(positions), opened.different_apps, opened.different("collector"), ranks)


def _set(values: Collection[str] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(values)
