"""Which days nothing could be taken, and why: a pause, no permission, or no working hours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from consent import gate
from consent.models import Decision
from consent.values import DecisionKind, Pause
from portal.events.values import DayTotal
from portal.people import hours
from portal.people.models import Employee

GRANTS = frozenset({DecisionKind.GIVEN, DecisionKind.ACKNOWLEDGED})
STEP_MS = 30 * 60 * 1000
Span = tuple[int, int]


def gaps(employee: Employee, days: Sequence[DayTotal]) -> dict[date, str]:
    """Return why nothing, or less, was taken on some of these days: `paused`, `off` (nothing permitted), `hours`.

    Pauses stand in the gate row for a month; older ones are known by what they dropped. Two queries.
    """
    state = gate.read(employee.pk)
    pauses = state.pauses if state else ()
    permitted = _permitted(Decision.objects.for_subject(employee.pk).order_by("leaf_idx"))
    at_work = hours.inside(employee.working_hours, employee.time_zone)
    found = ((day.day, _gap(day, span_of(day.day, employee), pauses, permitted, at_work)) for day in days)
    return {day: why for day, why in found if why}


def span_of(day: date, employee: Employee) -> Span:
    """Return a local day as instants in ms, the end excluded."""
    zone = ZoneInfo(employee.time_zone)
    start = datetime.combine(day, time.min, zone)
    end = datetime.combine(day + timedelta(days=1), time.min, zone)
    return int(start.timestamp() * 1000), int(end.timestamp() * 1000)


def _gap(
    day: DayTotal, span: Span, pauses: Iterable[Pause], permitted: list[Span], at_work: Callable[[int], bool]
) -> str:
    start, end = span
    if any(pause.from_ms < end and pause.to_ms > start for pause in pauses):
        return "paused"
    if any("paused" in reasons for reasons in day.withheld.values()):
        return "paused"
    if sum(day.events.values()):
        return ""
    if not any(low < end and high > start for low, high in permitted):
        return "off"
    return "" if any(at_work(t) for t in range(start, end, STEP_MS)) else "hours"


def _permitted(decisions: Iterable[Decision]) -> list[Span]:
    """Return the spans in which at least one purpose was permitted."""
    standing: set[str] = set()
    spans: list[Span] = []
    since = 0
    for each in decisions:
        at = int(each.at.timestamp() * 1000)
        before = bool(standing)
        standing = standing | {each.purpose_key} if each.kind in GRANTS else standing - {each.purpose_key}
        if standing and not before:
            since = at
        elif before and not standing:
            spans.append((since, at))
    return [*spans, (since, 2**53)] if standing else spans
