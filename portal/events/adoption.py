"""After a restore: makes rows and objects of the store agree again, and keeps nothing that no key opens.

Rows come from the backup, objects from then and since, keys from now. Of each day the newest object that opens is
the day; a block that it already holds goes, and so does whatever was erased since: its keys are gone.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
from django.db import transaction

from consent import gate
from consent.models import Gate
from portal.events import blocks, focus, segments, volumes
from portal.events.models import Block, LastFocus, Segment, Volume
from portal.events.tally import DayTally, Tally, merge
from portal.vault import cipher, keys, objects

SHUT = (keys.KeyGone, cipher.WrongKey, cipher.Damaged, objects.Missing, segments.Unfaithful)
Names = dict[date, list[str]]


class NoKeys(Exception):
    """The keyring has no key of people whose data is there: it must be restored first."""


@dataclass
class Adopted:
    """What became of a store: objects that a row names again, what was removed, and days that are lost."""

    objects: int = 0
    removed: int = 0
    lost: dict[UUID, list[date]] = field(default_factory=lambda: defaultdict(list))


def readopt() -> Adopted:
    """Go through everybody's store; raises NoKeys before anything is removed. Safe to repeat."""
    there = _objects()
    people = {*there, *Gate.objects.values_list("pk", flat=True)}
    for table in (Segment, Block, Volume, LastFocus):
        people |= set(table.objects.values_list("subject_id", flat=True).distinct())
    without = [each for each in people if Gate.objects.filter(pk=each).exists() and not keys.epochs(each)]
    if without:
        raise NoKeys(f"{len(without)} people have no key in the keys database: restore the keyring first")
    found = Adopted()
    for subject_id in sorted(people):
        _person(subject_id, there.get(subject_id, {}), found)
    return found


def _objects() -> dict[UUID, Names]:
    found: dict[UUID, Names] = defaultdict(lambda: defaultdict(list))
    for name in objects.names("segments/"):
        _prefix, subject, day, _place = name.split("/")
        found[UUID(subject)][date.fromisoformat(day)].append(name)
    return found


def _person(subject_id: UUID, names: Names, found: Adopted) -> None:
    days = {*names, *Segment.objects.for_subject(subject_id).values_list("day", flat=True)}
    days |= set(Block.objects.for_subject(subject_id).values_list("day", flat=True))
    changed = {day for day in sorted(days) if _day(subject_id, day, names.get(day, []), found)}
    _recount(subject_id, changed, found)
    for front in LastFocus.objects.for_subject(subject_id):
        if not _opens_front(front):
            found.removed += front.delete()[0]


def _opens_front(front: LastFocus) -> bool:
    try:
        focus.opened(front)
    except SHUT:
        return False
    return True


# --- one day


def _day(subject_id: UUID, day: date, names: list[str], found: Adopted) -> bool:
    """Settle a day; return whether its counts have to be made anew."""
    row = Segment.objects.for_subject(subject_id).filter(day=day).first()
    name, header, table = _newest(sorted(names, key=_rank, reverse=True))
    waiting = list(Block.objects.of_day(subject_id, day).order_by("pk"))
    over = [block for block in waiting if not _stays(block, table if row is None or row.name != name else None)]
    with transaction.atomic():
        _point(row, subject_id, header, name)
        Block.objects.filter(pk__in=[block.pk for block in over]).delete()
    for each in names:
        if each != name:
            objects.delete(each)
    changed = bool(over) or (row.name if row else "") != name
    found.objects += bool(name) and (row is None or row.name != name)
    found.removed += len(over) + len([each for each in names if each != name])
    if changed and not name and len(over) == len(waiting):
        found.lost[subject_id].append(day)
    return changed


def _rank(name: str) -> tuple[int, int]:
    epoch, generation, _drawn = name.rpartition("/")[2].split("-")
    return int(epoch), int(generation)


def _newest(names: list[str]) -> tuple[str, segments.Header | None, pa.Table]:
    for name in names:
        try:
            return name, *segments.read(name)
        except SHUT:
            continue
    return "", None, segments.empty()


def _point(row: Segment | None, subject_id: UUID, header: segments.Header | None, name: str) -> None:
    if header is None:
        Segment.objects.filter(pk=row.pk if row else None).delete()
        return
    changed = {"generation": header.generation, "epoch": header.epoch, "name": name}
    Segment.objects.update_or_create(subject_id=subject_id, day=header.day, defaults=changed)


def _stays(block: Block, newer: pa.Table | None) -> bool:
    """Return whether a block opens and holds something that a newer object does not."""
    try:
        if not block.body:
            blocks.counts(block)
            return True
        mine = _rows(segments.from_body(blocks.body(block)))
    except SHUT:
        return False
    return newer is None or bool(mine - _rows(newer))


def _rows(table: pa.Table) -> Counter[str]:
    return Counter(json.dumps(row, sort_keys=True) for row in table.to_pylist())


# --- counts


def _recount(subject_id: UUID, changed: set[date], found: Adopted) -> None:
    """Make the counts of changed days anew, and those of whole months whose counts no key opens."""
    shut = {row.month for row in Volume.objects.for_subject(subject_id) if not _opens(row)}
    found.removed += Volume.objects.for_subject(subject_id).filter(month__in=shut).delete()[0]
    for month in sorted(shut | {day.isoformat()[:7] for day in changed}):
        first, last = volumes.bounds(month)
        within = {"subject_id": subject_id, "day__gte": first, "day__lt": last}
        days = {each.day for table in (Segment, Block) for each in table.objects.filter(**within).only("day")}
        wanted = days if month in shut else {day for day in changed if day.isoformat()[:7] == month}
        if wanted:
            _recount_month(subject_id, month, wanted)


def _opens(volume: Volume) -> bool:
    try:
        volumes.opened(volume)
    except SHUT:
        return False
    return True


@transaction.atomic
def _recount_month(subject_id: UUID, month: str, days: set[date]) -> None:
    state = gate.hold(subject_id)
    if state is None:
        return
    volume = volumes.lock(subject_id, month, state.key_epoch)
    counted = volumes.opened(volume)
    for day in days:
        waiting = list(Block.objects.of_day(subject_id, day).select_for_update())
        known = counted.get(day.isoformat())
        counted[day.isoformat()] = _counts(subject_id, day, waiting, known)
        Block.objects.filter(pk__in=[block.pk for block in waiting]).update(folded=True)
    volumes.write(volume, counted, state.key_epoch)


def _counts(subject_id: UUID, day: date, waiting: list[Block], known: DayTally | None) -> DayTally:
    """Count a day's events from what holds them; what was withheld is known from the counts alone."""
    row = Segment.objects.for_subject(subject_id).filter(day=day).first()
    tables = [segments.read(row.name)[1]] if row else []
    tables += [segments.from_body(blocks.body(block)) for block in waiting if block.body]
    made = DayTally(sending=known.sending if known else [])
    for table in tables:
        for source in table["source"].unique().to_pylist():
            made.sources.setdefault(source, Tally()).add(_of(table.filter(pc.equal(table["source"], source))))
    told = [known] if known else []
    told += [blocks.counts(block) for block in waiting if known is None or not block.folded]
    for each in told:
        for source, tally in each.sources.items():
            mine = made.sources.setdefault(source, Tally())
            mine.add_rules(tally)
            for category, reasons in tally.withheld.items():
                merge(mine.withheld.setdefault(category, {}), reasons)
    return made


def _of(table: pa.Table) -> Tally:
    events = Counter(table["category"].to_pylist())
    typed = len(table) - table["key"].null_count
    return Tally(events=dict(events), size=table.nbytes, contents=typed)
