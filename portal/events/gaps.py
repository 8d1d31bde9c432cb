"""On which days nothing, or less, could be taken, when exactly, and why: what pages show as gaps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from consent import gate
from consent.values import milliseconds
from portal.events import stretches
from portal.events.stretches import PAUSED, Stretch
from portal.events.values import DayTotal
from portal.people import hours
from portal.people.models import Employee

STEP_MS = 30 * 60 * 1000
HOURS = "hours"
# What is said first where several hold.
ORDER = (
    PAUSED,
    stretches.RESTRICTED,
    stretches.AWAY,
    stretches.NOT_AGREED,
    stretches.NOT_ACKNOWLEDGED,
    stretches.SAID_NO,
    stretches.LAPSED,
    stretches.RETIRED,
    stretches.OFF,
    stretches.DAY_OFF,
)
Span = tuple[int, int]


@dataclass(frozen=True)
class DayGap:
    """A day's gap: `why` names the day as a whole, empty where something could be taken; `parts` have their times."""

    why: str
    parts: list[Stretch]


@dataclass(frozen=True)
class Known:
    """All that is known of when nothing could be taken from a person: read once, asked of any day."""

    employee: Employee
    stretches: list[Stretch]
    now: int
    days_off: frozenset[date] = frozenset()

    def of(self, days: Iterable[DayTotal]) -> dict[date, DayGap]:
        """Return the gaps of those days that have any."""
        at_work = hours.inside(self.employee.working_hours, self.employee.time_zone)
        found = {day.day: self._day(day, at_work) for day in days}
        return {day: gap for day, gap in found.items() if gap.why or gap.parts}

    def between(self, first: date, last: date) -> list[Stretch]:
        """Return the stretches that touch these days, cut to them."""
        start, end = span_of(first, self.employee)[0], span_of(last, self.employee)[1]
        return _parts(self.stretches, start, end, self.now)

    def _day(self, day: DayTotal, at_work: Callable[[int], bool]) -> DayGap:
        start, end = span_of(day.day, self.employee)
        parts = _parts(self.stretches, start, end, self.now)
        # A day that was marked only after something had been kept of it was none from the start.
        if day.day in self.days_off and not sum(day.events.values()):
            parts = [*parts, Stretch(start, end, stretches.DAY_OFF)]
        return DayGap(_why(day, (start, end), parts, at_work, min(end, self.now)), parts)


def read(employee: Employee) -> Known:
    now, state = milliseconds(timezone.now()), gate.read(employee.pk)
    return Known(employee, stretches.of(employee, state), now, state.days_off if state else frozenset())


def codes(found: Mapping[date, DayGap]) -> dict[date, str]:
    """Return why nothing, or less, was taken on those days that are gaps as a whole."""
    return {day: gap.why for day, gap in found.items() if gap.why}


def gaps(employee: Employee, days: Sequence[DayTotal]) -> dict[date, str]:
    """Return why nothing, or less, was taken on some of these days."""
    return codes(read(employee).of(days))


def span_of(day: date, employee: Employee) -> Span:
    """Return a local day as instants in ms, the end excluded."""
    zone = ZoneInfo(employee.time_zone)
    start = datetime.combine(day, time.min, zone)
    end = datetime.combine(day + timedelta(days=1), time.min, zone)
    return milliseconds(start), milliseconds(end)


def _why(day: DayTotal, span: Span, parts: Sequence[Stretch], at_work: Callable[[int], bool], until: int) -> str:
    start, end = span
    if any(part.why == PAUSED for part in parts) or any(PAUSED in reasons for reasons in day.withheld.values()):
        return PAUSED
    if sum(day.events.values()):
        return ""
    if parts and _covered(parts, start, until):
        return min((part.why for part in parts), key=ORDER.index)
    return "" if any(at_work(t) for t in range(start, end, STEP_MS)) else HOURS


def _parts(known: Iterable[Stretch], start: int, end: int, now: int) -> list[Stretch]:
    """Return what of it lies in the day and has begun, joined where one goes on with the other."""
    inside = [
        Stretch(max(start, each.from_ms), min(end, each.to_ms), each.why)
        for each in known
        if each.from_ms < min(end, now) and each.to_ms > start
    ]
    joined: list[Stretch] = []
    for each in sorted(inside, key=lambda each: (ORDER.index(each.why), each.from_ms)):
        last = joined[-1] if joined else None
        if last and last.why == each.why and each.from_ms <= last.to_ms:
            joined[-1] = Stretch(last.from_ms, max(last.to_ms, each.to_ms), each.why)
        else:
            joined.append(each)
    return sorted(joined, key=lambda each: (each.from_ms, ORDER.index(each.why)))


def _covered(parts: Iterable[Stretch], start: int, until: int) -> bool:
    """Return whether they leave nothing of the day, as far as it has come."""
    reached = start
    for part in sorted(parts, key=lambda each: each.from_ms):
        if part.from_ms > reached:
            return False
        reached = max(reached, part.to_ms)
    return reached >= until
