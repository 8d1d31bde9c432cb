"""What of a person's days is no longer kept, and taking it out: whole days unread, of others what is over."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from consent.values import FOREVER_MS, Scope
from portal.events import daybook, dropping, reading, rewrite, segments
from portal.events.keeping import Expired, Periods
from portal.events.models import Block, Segment
from portal.events.rewrite import Guard, KeyName, Taken, unguarded
from portal.events.tally import DayTally, Month
from portal.events.values import CONTENT
from portal.vault import objects

Done = Mapping[tuple[str, str], date]  # (purpose, category) -> the newest day that was gone through for it


@dataclass(frozen=True)
class Over:
    """Of one day: which purposes are over for which category, and whether no event of the day stays."""

    day: date
    purposes: Expired
    whole: bool = False


@dataclass(frozen=True)
class Due:
    """What is due of a person: the days, and how much there is on them now."""

    days: tuple[Over, ...] = ()
    before: dict[str, dict[str, int]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.days)

    @property
    def touched(self) -> set[KeyName]:
        """Return the (month, name) of every key under which something of it is sealed."""
        days = {each.day.isoformat() for each in self.days}
        return {(day[:7], day) for day in days} | {(day[:7], rewrite.VOLUME) for day in days}

    @property
    def months(self) -> list[str]:
        return sorted({each.day.isoformat()[:7] for each in self.days})


def due(subject_id: UUID, periods: Periods, today: date, done: Done, held: Collection[Scope] = ()) -> Due:
    """Return what is over by a day and was not yet gone through; of days that something holds, what is really there."""
    found, before = [], {}
    for name, counted in sorted(reading.counted(subject_id).items()):
        over = _over(date.fromisoformat(name), counted, periods, today, done)
        over = _beside(subject_id, over, held) if over and held else over
        if over:
            found.append(over)
            before[name] = here(counted)
    return Due(tuple(found), before)


def here(counted: DayTally) -> dict[str, int]:
    """Return how much of what there is of a day."""
    whole: Counter[str] = Counter()
    for each in counted.sources.values():
        whole.update(each.events)
        whole[CONTENT] += each.contents
    return dict(+whole)


def _over(day: date, counted: DayTally, periods: Periods, today: date, done: Done) -> Over | None:
    there = here(counted)
    purposes = {category: periods.expired(category, day, today) for category in there}
    over = {category: periods.is_over(category, day, today) for category in there}
    fresh = any(over.values()) or _newly(day, purposes, done) or _counts_end(day, counted, periods, today)
    return Over(day, {key: each for key, each in purposes.items() if each}, all(over.values())) if fresh else None


def _newly(day: date, purposes: Expired, done: Done) -> bool:
    """Whether a day has not yet been gone through for some purpose that is over, while another keeps it."""
    pairs = ((purpose, category) for category, named in purposes.items() for purpose in named)
    return any(pair not in done or day > done[pair] for pair in pairs)


def _counts_end(day: date, counted: DayTally, periods: Periods, today: date) -> bool:
    """Whether what is only counted of a day, and was never kept, has had its time as well."""
    last = periods.last(day)
    only_counted = counted.sending or any(each.withheld for each in counted.sources.values())
    return bool(only_counted) and last is not None and last <= today


def _beside(subject_id: UUID, over: Over, held: Collection[Scope]) -> Over | None:
    """Look into a day that something holds: it is due if anything beside that is over."""
    near = [each for each in held if rewrite.overlaps(each, over.day)]
    if not near:
        return over
    taken = take(reading.stored(subject_id, over.day), over, near)
    return Over(over.day, over.purposes) if taken.changes else None


@dataclass
class Gone:
    """What was taken out of a day: what stays, how much went, and whether anything changed."""

    taken: list[Taken]
    stays: Any
    freed: int = 0

    @property
    def changes(self) -> bool:
        return bool(self.freed or any(each.total for each in self.taken))


def take(table: Any, over: Over, held: Collection[Scope]) -> Gone:
    """Part a day's events into what goes and what stays, one category after the other."""
    taken, freed = [], 0
    for scope in _scopes(over, held):
        freed += rewrite.freed(table, scope)
        each = rewrite.take(table, scope, FOREVER_MS)
        taken.append(each)
        table = each.stays
    return Gone(taken, table, freed)


def _scopes(over: Over, held: Collection[Scope]) -> Iterator[Scope]:
    for category, purposes in sorted(over.purposes.items()):
        yield Scope(categories=frozenset({category}), purposes=purposes, without=tuple(held))


def take_out(
    subject_id: UUID,
    found: Due,
    periods: Periods,
    today: date,
    epoch: int,
    held: Collection[Scope] = (),
    guard: Guard = unguarded,
    going_on: Callable[[], bool] = lambda: True,
) -> bool:
    """Take out what is due under an epoch's keys; return whether all of it is done. Safe to repeat.

    Raises sealing.Overtaken, objects.Missing, or what `guard` raises in the commit that deletes.
    """
    near = {each.day: [scope for scope in held if rewrite.overlaps(scope, each.day)] for each in found.days}
    whole = [each.day for each in found.days if each.whole and not near[each.day]]
    settle = partial(_settle, periods=periods, today=today)
    gone = dropping.drop(subject_id, whole, epoch, guard, settle)
    for over in found.days:
        if over.day in gone:
            continue
        if not going_on():
            return False
        _rewrite(subject_id, over, near[over.day], epoch, guard, settle)
    return True


def _rewrite(
    subject_id: UUID,
    over: Over,
    held: Collection[Scope],
    epoch: int,
    guard: Guard,
    settle: Callable[[date, DayTally], None],
) -> None:
    seen = daybook.look(subject_id, over.day)
    rows = [*seen.blocks, *([seen.segment] if seen.segment else [])]
    if rows:
        gone = take(daybook.load(seen), over, held)
        if gone.changes or any(row.epoch < epoch for row in rows):
            rewrite.write_stays(seen, gone.taken, gone.stays, epoch, guard, settle)
            if seen.segment:
                objects.delete(seen.segment.name)
    dropping.sweep(subject_id, [over.day], epoch)


def _settle(day: date, counted: DayTally, *, periods: Periods, today: date) -> None:
    """Take out of a day's counts what was dropped on arrival of categories whose time is over."""
    last = periods.last(day)
    all_over = last is not None and last <= today
    for each in counted.sources.values():
        each.withheld = {
            category: reasons
            for category, reasons in each.withheld.items()
            if not (all_over or periods.is_over(category, day, today))
        }
    if all_over:
        counted.sending = []


def settle_counts(subject_id: UUID, found: Due, periods: Periods, today: date, epoch: int) -> None:
    """Write the counts of touched months, and the last apps in front, under the epoch's keys. Safe to repeat."""
    days = {each.day for each in found.days}

    def change(counted: Month) -> None:
        for day in days:
            if tally := counted.get(day.isoformat()):
                _settle(day, tally, periods=periods, today=today)

    for month in found.months:
        rewrite.reseal_counts(subject_id, month, epoch, change, partial(_is_over, periods, today))


def _is_over(periods: Periods, today: date, day: date) -> bool:
    return periods.is_over("app_usage", day, today)


def left(subject_id: UUID, found: Due, epoch: int, held: Collection[Scope] = ()) -> int:
    """Read every touched day again; return how much of what had to go is still there, and how many older objects."""
    older = {"subject_id": subject_id, "day__in": [over.day for over in found.days], "epoch__lt": epoch}
    count = Segment.objects.filter(**older).count() + Block.objects.filter(**older).count()
    for over in found.days:
        names = list(objects.names(segments.prefix_of(subject_id, over.day)))
        count += sum(1 for name in names if rewrite.epoch_of(name) < epoch)
        if names or not over.whole:
            near = [scope for scope in held if rewrite.overlaps(scope, over.day)]
            gone = take(reading.stored(subject_id, over.day), over, near)
            count += gone.freed + sum(each.total for each in gone.taken)
    return count


def went(subject_id: UUID, found: Due) -> Counter[str]:
    """Return how much of each category is no longer there since it was found to be due."""
    after = reading.counted(subject_id)
    total: Counter[str] = Counter()
    for day, before in found.before.items():
        now = here(after.get(day, DayTally()))
        total.update({category: max(0, n - now.get(category, 0)) for category, n in before.items()})
    return +total
