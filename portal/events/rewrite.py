"""Takes an erasure's scope out of the store: counts it, writes what stays under new keys, and looks again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
from django.db import transaction

from consent import gate
from consent.values import FOREVER_MS, Scope
from portal.events import daybook, dropping, focus, matching, reading, second_reading, segments, volumes
from portal.events.daybook import Day
from portal.events.models import Block, LastFocus, Segment, Volume
from portal.events.sealing import Overtaken, claim, fold_into, point, unnamed_if_overtaken
from portal.events.tally import DayTally, Month, Tally
from portal.events.values import CONTENT

KeyName = tuple[str, str]
VOLUME = "volume"
# A local day begins and ends within so much of the same day in UTC.
WEST, EAST = timedelta(hours=12), timedelta(hours=14)
TYPING = "keystroke_timing"
Gone = dict[str, Counter[str]]
Guard = Callable[[], None]
Settle = Callable[[date, DayTally], None]
residue = second_reading.residue


def unguarded() -> None:
    """Keep nothing from being deleted."""


@dataclass
class Taken:
    """What an erasure takes out of a day, by source: events, characters whose event stays, all characters."""

    stays: pa.Table
    events: Gone = field(default_factory=dict)
    contents: Counter[str] = field(default_factory=Counter)
    characters: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        return sum(sum(each.values()) for each in self.events.values()) + sum(self.contents.values())


def span(day: date) -> tuple[int, int]:
    """Return the widest a local day can be, in milliseconds: in whichever zone it was kept."""
    start = datetime.combine(day, time(), UTC)
    first, last = start - EAST, start + timedelta(days=1) + WEST
    return round(first.timestamp() * 1000), round(last.timestamp() * 1000)


def overlaps(scope: Scope, day: date) -> bool:
    low, high = span(day)
    return (scope.from_ms is None or scope.from_ms < high) and (scope.to_ms is None or scope.to_ms > low)


def _names(scope: Scope, counted: DayTally) -> bool:
    """Whether the counts of a day name a source and category of the scope; of typed characters the event's."""
    wanted = scope.categories
    for source, each in counted.sources.items():
        if scope.sources is not None and source not in scope.sources:
            continue
        if wanted is None or (CONTENT in wanted and each.contents) or wanted & {*each.events, *each.withheld}:
            return True
    return bool(counted.sending)


@dataclass(frozen=True)
class Touched:
    """What may hold something in a scope: days, the (month, name) of keys; and the counts by day that say so."""

    days: list[date]
    keys: set[KeyName]
    counted: Month


def touched(subject_id: UUID, scope: Scope) -> Touched:
    """Return what may hold something in the scope."""
    counted = reading.counted(subject_id)
    named = (date.fromisoformat(day) for day, each in counted.items() if _names(scope, each))
    days = sorted(day for day in named if overlaps(scope, day))
    texts = [day.isoformat() for day in days]
    months = {day[:7] for day in texts} | {row.month for row in _fronts(subject_id, scope)}
    return Touched(days, {(day[:7], day) for day in texts} | {(month, VOLUME) for month in months}, counted)


def _fronts(subject_id: UUID, scope: Scope) -> list[LastFocus]:
    return [row for row in focus.of(subject_id) if _seen_by(row, scope)]


def _seen_by(row: LastFocus, scope: Scope) -> bool:
    named = scope.sources is None or row.source in scope.sources
    return named and (scope.collectors is None or row.writer in scope.collectors)


def take(table: pa.Table, scope: Scope, asked_ms: int) -> Taken:
    """Part a day's events into what goes and what stays."""
    found = matching.match(table, scope, asked_ms)
    taken = Taken(matching.what_stays(table, found, scope))
    for source in pc.unique(table["source"]).to_pylist():
        here = pc.equal(table["source"], source)
        categories = Counter(table.filter(pc.and_(here, found.gone))["category"].to_pylist())
        if categories:
            taken.events[source] = categories
        taken.contents[source] = matching.count(pc.and_(here, found.stripped))
        taken.characters[source] = matching.count(pc.and_(here, pc.is_valid(table["key"]))) - _typed(
            taken.stays, source
        )
    return taken


def freed(table: pa.Table, scope: Scope) -> int:
    """Return how many events and characters of a day stay, and no longer for the purposes of the scope."""
    found = matching.match(table, scope, FOREVER_MS)
    return matching.count(found.freed) + matching.count(found.freed_character)


def _typed(table: pa.Table, source: str) -> int:
    return matching.count(pc.and_(pc.equal(table["source"], source), pc.is_valid(table["key"])))


def _whole(scope: Scope, day: date, asked_ms: int) -> bool:
    """Whether everything of the day goes, so that nothing need be read."""
    low, high = span(day)
    narrowed = (scope.categories, scope.sources, scope.collectors, scope.apps, scope.purposes)
    inside = (scope.from_ms is None or scope.from_ms <= low) and (scope.to_ms is None or scope.to_ms >= high)
    return inside and asked_ms >= high and not scope.without and all(each is None for each in narrowed)


def goes_whole(subject_id: UUID, scope: Scope, day: date, asked_ms: int) -> bool:
    """Return whether nothing of a day stays; of a day that is hardly over its last event says it."""
    if _whole(scope, day, asked_ms):
        return True
    return _whole(scope, day, asked_ms=span(day)[1]) and dropping.over_by(subject_id, day, asked_ms)


def drop_days(
    subject_id: UUID, days: Iterable[date], scope: Scope, asked_ms: int, epoch: int, guard: Guard = unguarded
) -> set[date]:
    """Delete those of the days that go whole, many in a commit; return them. Raises like `rewrite_day`."""
    whole = [day for day in days if goes_whole(subject_id, scope, day, asked_ms)]
    return dropping.drop(subject_id, whole, epoch, guard)


def rewrite_day(subject_id: UUID, day: date, scope: Scope, asked_ms: int, epoch: int, guard: Guard = unguarded) -> int:
    """Write what stays of a day under the epoch's key, delete the rest; return how many events went. Safe to repeat.

    `guard` is asked in the commit that deletes, behind the person's gate row: what it raises leaves the day as it was.
    Raises sealing.Overtaken or objects.Missing where a sealing was quicker: call it again.
    """
    seen = _older(daybook.look(subject_id, day), epoch)
    if not (seen.segment or seen.blocks):
        dropping.sweep(subject_id, [day], epoch)
        return 0
    whole = _whole(scope, day, asked_ms)
    total = _drop(seen, epoch, guard) if whole else _rewrite(seen, scope, asked_ms, epoch, guard)
    dropping.sweep(subject_id, [day], epoch)
    return total


def _older(seen: Day, epoch: int) -> Day:
    """Leave out what was written since the fence stands: nothing in the scope can be in it."""
    blocks = tuple(block for block in seen.blocks if block.epoch < epoch)
    if seen.segment and seen.segment.epoch >= epoch:
        return Day(seen.subject_id, seen.day, None, ()) if not blocks else seen
    return Day(seen.subject_id, seen.day, seen.segment, blocks)


def _drop(seen: Day, epoch: int, guard: Guard) -> int:
    """Delete all that was read of a day."""
    with transaction.atomic():
        volume, found = _claimed(seen, epoch, guard)
        counted = volumes.opened(volume)
        volumes.take_in(counted, [block for block in found if not block.folded])
        gone = counted.pop(seen.day.isoformat(), DayTally())
        volumes.write(volume, counted, epoch)
        volumes.discard(found)
        if seen.segment:
            Segment.objects.filter(pk=seen.segment.pk).delete()
    return sum(sum(each.events.values()) for each in gone.sources.values())


def _rewrite(seen: Day, scope: Scope, asked_ms: int, epoch: int, guard: Guard) -> int:
    taken = take(daybook.load(seen), scope, asked_ms)
    write_stays(seen, [taken], taken.stays, epoch, guard, lambda _day, counted: _forget_withheld(counted, scope))
    return taken.total


def write_stays(seen: Day, taken: Iterable[Taken], stays: pa.Table, epoch: int, guard: Guard, settle: Settle) -> None:
    """Write what stays of a day as it was read; `settle` changes what is counted beside it. Raises Overtaken."""
    name = ""
    if stays.num_rows:
        header = segments.Header(seen.subject_id, seen.day, seen.generation + 1, epoch)
        name = segments.put(header, stays)
    with unnamed_if_overtaken(name), transaction.atomic():
        volume, found = _claimed(seen, epoch, guard)
        fold_into(volume, found, epoch)
        _forget(volume, seen.day, taken, settle, epoch)
        volumes.discard(found)
        if name:
            point(seen, epoch, name)
        elif seen.segment:
            Segment.objects.filter(pk=seen.segment.pk).delete()


def _claimed(seen: Day, epoch: int, guard: Guard) -> tuple[Volume, list[Block]]:
    """Lock gate, volume, segment and blocks, in this order; raises Overtaken."""
    held = gate.hold(seen.subject_id)
    if held is None or held.key_epoch != epoch:
        raise Overtaken
    guard()
    return volumes.lock(seen.subject_id, seen.day.isoformat()[:7], epoch), claim(seen)


def _forget(volume: Volume, day: date, taken: Iterable[Taken], settle: Settle, epoch: int) -> None:
    counted = volumes.opened(volume)
    here = counted.get(day.isoformat(), DayTally())
    for each in taken:
        for source, tally in here.sources.items():
            tally.forget(each.events.get(source, {}), each.characters[source])
    settle(day, here)
    volumes.write(volume, counted, epoch)


def _forget_withheld(counted: DayTally, scope: Scope) -> None:
    """What was withheld is known by day only, so that of a touched day it goes whole."""
    if scope.purposes is not None:
        return
    for source, tally in counted.sources.items():
        if scope.sources is None or source in scope.sources:
            keep = scope.categories is not None
            tally.withheld = {c: n for c, n in tally.withheld.items() if keep and c not in scope.categories}


def rewrite_volume(subject_id: UUID, month: str, scope: Scope, epoch: int, guard: Guard = unguarded) -> None:
    """Write a month's counts, and the last apps in front, without the scope under the epoch's key. Safe to repeat."""
    with transaction.atomic():
        held = gate.hold(subject_id)
        if held is None or held.key_epoch != epoch:
            raise Overtaken
        guard()
        # Where there is no row, the last day of the month went whole, or it begins under the epoch's own key.
        volume = volumes.locked(subject_id, month)
        if volume is not None:
            _rewrite_counts(volume, scope, epoch)
        _rewrite_fronts(subject_id, month, scope, epoch)


def _rewrite_counts(volume: Volume, scope: Scope, epoch: int) -> None:
    counted = volumes.opened(volume)
    for day, here in counted.items():
        if overlaps(scope, date.fromisoformat(day)):
            _forget_withheld(here, scope)
    volumes.write(volume, counted, epoch)


def _rewrite_fronts(subject_id: UUID, month: str, scope: Scope, epoch: int) -> None:
    """Of windows seen before, keep only whether the last one is hidden: what follows must still be dropped."""
    # Rows made meanwhile are of the epoch that the gate row names, which the caller holds.
    if not any(row.month == month and row.epoch < epoch for row in focus.of(subject_id)):
        return
    rows = LastFocus.objects.for_subject(subject_id).filter(month=month, epoch__lt=epoch)
    for row in rows.select_for_update():
        fronts = focus.opened(row)
        if _seen_by(row, scope):
            fronts = focus.bare(fronts)
        row.epoch = epoch
        row.sealed = focus.seal(row, fronts)
        row.save(update_fields=["epoch", "sealed"])


def reseal_counts(
    subject_id: UUID, month: str, epoch: int, change: Callable[[Month], None], is_over: Callable[[date], bool]
) -> None:
    """Write a month's counts as `change` leaves them under the epoch's key, and everybody's last app in front.

    Of windows seen on days that are over only whether the last one is hidden stays. Safe to repeat.
    """
    with transaction.atomic():
        held = gate.hold(subject_id)
        if held is None or held.key_epoch != epoch:
            raise Overtaken
        volume = volumes.lock(subject_id, month, epoch)
        counted = volumes.opened(volume)
        change(counted)
        volumes.write(volume, counted, epoch)
        for row in LastFocus.objects.for_subject(subject_id).filter(epoch__lt=epoch).select_for_update():
            fronts = focus.opened(row)
            over = [each for each in fronts if is_over(_day_of(each.t))]
            row.epoch = epoch
            row.sealed = focus.seal(row, [*focus.bare(over), *(each for each in fronts if each not in over)])
            row.save(update_fields=["epoch", "sealed"])


def _day_of(t_ms: int) -> date:
    return datetime.fromtimestamp(t_ms / 1000, UTC).date()


def epoch_of(name: str) -> int:
    """Return the epoch that an object's name says."""
    return int(name.rpartition("/")[2].partition("-")[0])


def count_matching(subject_id: UUID, scope: Scope, asked_ms: int, by_day: Month | None = None) -> Counter[str]:
    """Return how many events a category would go; `keystroke_content` counts characters whose event stays."""
    return count_each(subject_id, {"": scope}, asked_ms, by_day)[""]


def count_each(
    subject_id: UUID, scopes: Mapping[str, Scope], asked_ms: int, by_day: Month | None = None
) -> dict[str, Counter[str]]:
    """Return the same for several scopes by name; each day is opened once, however many they are.

    `by_day` are the person's counts by day, where the caller has read them.
    """
    found: dict[str, Counter[str]] = {name: Counter() for name in scopes}
    for day, counted in (reading.counted(subject_id) if by_day is None else by_day).items():
        of = date.fromisoformat(day)
        here = {name: each for name, each in scopes.items() if overlaps(each, of) and _names(each, counted)}
        whole = {name for name, each in here.items() if goes_whole(subject_id, each, of, asked_ms)}
        table = reading.stored(subject_id, of) if here.keys() - whole else None
        for name, each in here.items():
            found[name].update(
                _sum(counted.sources.values()) if table is None or name in whole else _taken(table, each, asked_ms)
            )
    return {name: +each for name, each in found.items()}


def to_be_opened(subject_id: UUID, scope: Scope, asked_ms: int) -> int:
    """Return how many events lie in the days that counting this scope would have to open."""
    days = ((date.fromisoformat(day), each) for day, each in reading.counted(subject_id).items())
    opened = (
        each for day, each in days if overlaps(scope, day) and _names(scope, each) and not _whole(scope, day, asked_ms)
    )
    return sum(sum(_sum(each.sources.values()).values()) for each in opened)


def at_most(subject_id: UUID, scope: Scope) -> Counter[str]:
    """Return the most that a scope can take, by the daily counts alone: times, apps and devices are in none."""
    found: Counter[str] = Counter()
    for day, counted in reading.counted(subject_id).items():
        for source, each in counted.sources.items():
            if overlaps(scope, date.fromisoformat(day)) and (scope.sources is None or source in scope.sources):
                found.update(_meant(each, scope.categories))
    return +found


def _meant(tally: Tally, categories: frozenset[str] | None) -> Counter[str]:
    if categories is None:
        return Counter(tally.events)
    found = Counter({key: n for key, n in tally.events.items() if key in categories})
    found[CONTENT] = tally.contents if CONTENT in categories and TYPING not in categories else 0
    return found


def _taken(table: pa.Table, scope: Scope, asked_ms: int) -> Counter[str]:
    taken = take(table, scope, asked_ms)
    found = Counter({CONTENT: sum(taken.contents.values())})
    for events in taken.events.values():
        found.update(events)
    return found


def _sum(tallies: Iterable[Tally]) -> Counter[str]:
    found: Counter[str] = Counter()
    for each in tallies:
        found.update(each.events)
    return found
