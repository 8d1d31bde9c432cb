"""What arrived last: the newest blocks of a person, opened. When each arrived is not stored, only what it holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from portal.events import blocks, reading
from portal.events.daybook import steadily
from portal.events.models import Block
from portal.events.tally import DayTally, Tally
from portal.events.values import UNKNOWN_APP
from portal.planned import run

MOST = 8
MOST_APPS = 4
# A person's own blocks are few, those of everybody many: the newest are looked for among the few.
NEWEST = """
WITH mine AS MATERIALIZED (SELECT id FROM events_block WHERE subject_id = %s)
SELECT b.id, b.day, b.epoch, b.receipt_id, b.body, b.counts, r.writer
  FROM events_block b JOIN events_batchreceipt r ON r.id = b.receipt_id
 WHERE b.id IN (SELECT id FROM mine ORDER BY id DESC LIMIT %s) ORDER BY b.id DESC
"""


@dataclass(frozen=True)
class Arrival:
    """A batch's part of a day; `times` are of its first and last event, None where nothing of it was kept."""

    pk: int
    day: date
    writer: str
    sources: tuple[str, ...]
    kept: dict[str, int]
    dropped: dict[str, int]
    apps: tuple[str, ...]
    times: tuple[int, int] | None


@dataclass(frozen=True)
class Totals:
    """All that was ever kept, by category, and dropped, by reason, as far as it is still counted."""

    kept: dict[str, int]
    dropped: dict[str, int]


def newest(subject_id: UUID) -> list[Arrival]:
    """Return what arrived last, newest first, in one query."""
    return steadily(lambda: [_arrival(subject_id, row) for row in run(NEWEST, [subject_id, MOST])])


def _arrival(subject_id: UUID, row: tuple) -> Arrival:
    pk, day, epoch, receipt_id, body, counts, writer = row
    block = Block(pk=pk, subject_id=subject_id, day=day, epoch=epoch, receipt_id=receipt_id, body=body, counts=counts)
    counted = blocks.counts(block)
    apps, times = _inside(block) if block.body else ((), None)
    kept, dropped = _summed(counted)
    return Arrival(pk, day, writer, _sources(counted), kept, dropped, apps, times)


def _inside(block: Block) -> tuple[tuple[str, ...], tuple[int, int]]:
    body = blocks.body(block)
    bound = [body.bindings[way].app for way in body.bound]
    apps = Counter(row.app or app or UNKNOWN_APP for row, app in zip(body.events, bound, strict=True))
    times = [row.t for row in body.events]
    return tuple(app for app, _count in apps.most_common(MOST_APPS)), (min(times), max(times))


def _sources(counted: DayTally) -> tuple[str, ...]:
    return tuple(sorted({*counted.sources, *counted.sending}))


def _summed(counted: DayTally) -> tuple[dict[str, int], dict[str, int]]:
    return _together(counted.sources.values())


def _together(tallies: Iterable[Tally]) -> tuple[dict[str, int], dict[str, int]]:
    kept: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    for each in tallies:
        kept.update(each.events)
        for reasons in each.withheld.values():
            dropped.update(reasons)
    return dict(kept), dict(dropped)


def totals(subject_id: UUID) -> Totals:
    """Return the sums of all days: what arrives late belongs to an earlier one."""
    counted = reading.counted(subject_id).values()
    return Totals(*_together(tally for day in counted for tally in day.sources.values()))
