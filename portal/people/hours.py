"""Working hours: read once, then asked for thousands of instants."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
RULE = re.compile(
    r"(?P<first>[A-Z][a-z])(?:-(?P<last>[A-Z][a-z]))? (?P<start>[0-9]{2}:[0-9]{2})-(?P<end>[0-9]{2}:[0-9]{2})"
)
MIDNIGHT = 24 * 60
Span = tuple[int, int]


class BadHours(ValueError):
    """Working hours that cannot be read; the text says why."""


@dataclass(frozen=True)
class Hours:
    """For each weekday from Monday, the spans in minutes after midnight, in order."""

    days: tuple[tuple[Span, ...], ...]


def parse(text: str) -> Hours | None:
    """Read `Mo-Fr 08:00-18:00; Sa 09:00-12:00`; None if no hours are given. A shift may end after midnight."""
    if not text.strip():
        return None
    days: list[list[Span]] = [[] for _ in DAYS]
    for rule in text.split(";"):
        for day, span in _spans(rule.strip()):
            days[day % 7].append(span)
    return Hours(tuple(tuple(sorted(spans)) for spans in days))


def _spans(rule: str) -> list[tuple[int, Span]]:
    found = RULE.fullmatch(rule)
    if not found:
        message = f"{rule!r} is not like 'Mo-Fr 08:00-18:00'"
        raise BadHours(message)
    start, end = _minutes(found["start"]), _minutes(found["end"])
    if start in (end, MIDNIGHT):
        message = f"{rule!r} has no length"
        raise BadHours(message)
    spans = []
    for day in _days(found["first"], found["last"] or found["first"]):
        if start < end:
            spans.append((day, (start, end)))
        else:
            spans += [(day, (start, MIDNIGHT)), (day + 1, (0, end))]
    return [(day, span) for day, span in spans if span[0] < span[1]]


def _days(first: str, last: str) -> range:
    for name in (first, last):
        if name not in DAYS:
            message = f"{name!r} is no weekday: use {', '.join(DAYS)}"
            raise BadHours(message)
    start, end = DAYS.index(first), DAYS.index(last)
    return range(start, end + 1 if start <= end else end + 8)


def _minutes(text: str) -> int:
    hours, minutes = (int(part) for part in text.split(":"))
    if minutes > 59 or hours * 60 + minutes > MIDNIGHT:
        message = f"{text!r} is no time of day"
        raise BadHours(message)
    return hours * 60 + minutes


def intervals(hours: Hours, zone: ZoneInfo, day: date) -> list[Span]:
    """Return the working spans of a local day in milliseconds, ends excluded, joined where they touch."""
    spans: list[Span] = []
    for start, end in hours.days[day.weekday()]:
        low, high = _instant(day, start, zone), _instant(day, end, zone)
        if spans and low <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(high, spans[-1][1]))
        elif low < high:
            spans.append((low, high))
    return spans


def _instant(day: date, minutes: int, zone: ZoneInfo) -> int:
    """The wall clock decides: on the day the clocks change a working day is as long as the clock says."""
    if minutes == MIDNIGHT:
        day, minutes = day + timedelta(days=1), 0
    return round(datetime.combine(day, time(minutes // 60, minutes % 60), zone).timestamp() * 1000)


class Inside:
    """Whether an instant lies in working hours; the edges of a day are worked out once."""

    def __init__(self, hours: Hours, zone: ZoneInfo) -> None:
        self._hours, self._zone = hours, zone
        self._edges: list[int] = []
        self._from = self._to = 0

    def __call__(self, t_ms: int) -> bool:
        if not self._from <= t_ms < self._to:
            self._turn_to(t_ms)
        # Edges alternate: an odd number of them behind us means that we are inside.
        return bisect_right(self._edges, t_ms) % 2 == 1

    def _turn_to(self, t_ms: int) -> None:
        day = datetime.fromtimestamp(t_ms / 1000, UTC).astimezone(self._zone).date()
        self._from, self._to = _instant(day, 0, self._zone), _instant(day, MIDNIGHT, self._zone)
        self._edges = [edge for span in intervals(self._hours, self._zone, day) for edge in span]


@lru_cache(maxsize=256)
def _parsed(text: str) -> Hours | None:
    return parse(text)


def inside(text: str, time_zone: str) -> Callable[[int], bool]:
    """Return a fast test for instants in milliseconds; without known hours every instant is inside.

    Make one for each batch: it remembers the last day it was asked about and is not shared between threads.
    """
    hours = _parsed(text)
    return Inside(hours, ZoneInfo(time_zone)) if hours else _always


def _always(t_ms: int) -> bool:
    return True
