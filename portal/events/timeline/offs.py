"""When on a day nothing could be taken: what is known of pauses and answers, and the time outside working hours."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from zoneinfo import ZoneInfo

from consent import gate
from portal.events import gaps, permits
from portal.events.gaps import HOURS, DayGap
from portal.events.openday import OpenDay
from portal.events.stretches import Stretch
from portal.events.timeline.bands import Span, without
from portal.people import hours
from portal.people.models import Employee

SECOND = 1_000


def of_day(owner: Employee, day: date, gap: DayGap, opened: OpenDay, now: int) -> list[Stretch]:
    """Return the stretches of a day in which nothing could be taken, none longer than until now."""
    span = gaps.span_of(day, owner)
    parts = _empty(gap.parts, opened)
    known = [Stretch(each.from_ms, min(each.to_ms, now), each.why) for each in parts if each.from_ms < now]
    free = without((span[0], min(span[1], now)), [(each.from_ms, each.to_ms) for each in known])
    return sorted([*known, *_off_hours(owner, day, free, opened)], key=lambda each: each.from_ms)


def with_hours(gap: DayGap, off: Iterable[Stretch], opened: OpenDay) -> DayGap:
    """Return a day's gap with the time outside working hours among its parts."""
    outside = [each for each in off if each.why == HOURS]
    return DayGap(gap.why, sorted([*_empty(gap.parts, opened), *outside], key=lambda each: each.from_ms))


def _empty(parts: Iterable[Stretch], opened: OpenDay) -> list[Stretch]:
    """Leave out stretches in which something was kept all the same: earlier recordings that were taken in later.

    A keystroke's time has lost what is below a second, and may seem to lie just inside.
    """
    return [each for each in parts if not opened.between(each.from_ms + SECOND, each.to_ms - SECOND)]


def _off_hours(owner: Employee, day: date, free: Iterable[Span], opened: OpenDay) -> list[Stretch]:
    """By the hours and rules as they are now; where something was kept all the same, it was taken, and is no gap."""
    known = hours.parse(owner.working_hours)
    if known is None or not _kept_to_hours(owner):
        return []
    working = hours.intervals(known, ZoneInfo(owner.time_zone), day)
    off = [each for span in free for each in without(span, working) if each[0] < each[1]]
    return [Stretch(start, end, HOURS) for start, end in off if not opened.between(start, end)]


def _kept_to_hours(owner: Employee) -> bool:
    """Whether every rule in force asks for working hours."""
    state = gate.read(owner.pk)
    keepers = permits.keepers(owner, state) if state else []
    rules = [rule for keeper in keepers for each in keeper.flows.values() for rule in each]
    return bool(rules) and not any(rule.off_hours for rule in rules)
