"""What the timeline of a day shows: a line for each category and app, and what kept anything away; also as a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.formats import time_format
from django.utils.translation import gettext as _

from portal.events import charts, gap_words, words
from portal.events.openday import OpenDay
from portal.events.stretches import Stretch
from portal.events.timeline import bands
from portal.events.timeline.bands import MINUTE, Run, Span
from portal.events.timeline.device_gaps import OfDevice
from portal.events.values import UNKNOWN_APP, DayTotal
from portal.people.models import Employee

MOST_SAID = 3
QUARTERS = 4


@dataclass(frozen=True)
class Piece:
    """A part of a line: where it lies, in minutes from the start of the day, what it is, and where it opens."""

    x: float
    width: float
    when: str
    says: str
    href: str
    count: int = 0


@dataclass(frozen=True)
class Line:
    """One category or app over the day."""

    name: str
    token: str
    pieces: list[Piece]
    count: int


@dataclass(frozen=True)
class Clock:
    """The day as it is drawn: its span, and the clock of the person."""

    day: date
    span: Span
    zone: ZoneInfo
    owner: Employee

    def at(self, ms: int) -> str:
        if ms == self.span[1] and ms > self.span[0]:
            return "24:00" if self._local(ms).hour == 0 else self._time(ms)
        return self._time(ms)

    def when(self, from_ms: int, to_ms: int) -> str:
        return _("%(start)s to %(end)s") % {"start": self.at(from_ms), "end": self.at(to_ms)}

    def hole(self, each: Stretch) -> Piece:
        return self._piece(each.from_ms, each.to_ms, gap_words.reason(each.why), "", 0)

    def run(self, run: Run, query: Mapping[str, str]) -> Piece:
        asked = urlencode({"start": run.from_ms, "end": run.to_ms, **query})
        href = f"{reverse('day', args=[self.owner.pk, self.day])}?{asked}#events"
        return self._piece(run.from_ms, run.to_ms, words.events(run.count), href, run.count)

    def _piece(self, from_ms: int, to_ms: int, says: str, href: str, count: int) -> Piece:
        x, width = (from_ms - self.span[0]) / MINUTE, (to_ms - from_ms) / MINUTE
        return Piece(round(x, 2), round(width, 2), self.when(from_ms, to_ms), says, href, count)

    def _time(self, ms: int) -> str:
        return time_format(self._local(ms), "H:i")

    def _local(self, ms: int) -> datetime:
        return datetime.fromtimestamp(ms / 1000, UTC).astimezone(self.zone)


def card(
    owner: Employee, total: DayTotal, opened: OpenDay, span: Span, gaps: Sequence[Stretch], devices: Sequence[OfDevice]
) -> dict[str, Any]:
    """Return what `_timeline.html` shows of a day of which something is kept, or could not be."""
    clock = Clock(total.day, bands.span_with(span, opened), ZoneInfo(owner.time_zone), owner)
    lines = _lines(clock, opened)
    holes = [clock.hole(each) for each in gaps]
    return {
        "minutes": (clock.span[1] - clock.span[0]) / MINUTE,
        "ticks": [clock.at(clock.span[0] + (clock.span[1] - clock.span[0]) * n // QUARTERS) for n in range(QUARTERS)],
        "lines": lines,
        "apps": _app_lines(clock, opened),
        "holes": holes,
        "devices": _of_devices(clock, devices),
        "sentence": _sentence(total, opened, holes),
        "empty": _empty(total),
        "rows": _rows([*lines, *_of_devices(clock, devices)], holes),
    }


def _lines(clock: Clock, opened: OpenDay) -> list[Line]:
    found = bands.of_categories(opened, clock.span)
    return [
        _line(clock, words.category(key), token, found[key], {"category": key})
        for key, token in charts.TOKENS.items()
        if key in found
    ]


def _of_devices(clock: Clock, devices: Iterable[OfDevice]) -> list[Line]:
    """Return when nothing of a device could be taken, while others may have gone on."""
    return [Line(each.name, "gap", [clock.hole(one) for one in each.stretches], 0) for each in devices]


def _app_lines(clock: Clock, opened: OpenDay) -> list[Line]:
    found = bands.of_apps(opened, clock.span)
    return [_line(clock, app_name(app), "own", runs, {"app": app}) for app, runs in found.items()]


def app_name(app: str) -> str:
    return _("no app known") if app == UNKNOWN_APP else app


def _line(clock: Clock, name: str, token: str, runs: Iterable[Run], query: Mapping[str, str]) -> Line:
    pieces = [clock.run(run, query) for run in runs]
    return Line(name, token, pieces, sum(piece.count for piece in pieces))


def _rows(lines: Iterable[Line], holes: Iterable[Piece]) -> list[dict[str, Any]]:
    """Return the same as rows, in order of time."""
    rows = [{"what": line.name, "token": line.token, "piece": piece} for line in lines for piece in line.pieces]
    rows += [{"what": _("Nothing could be taken"), "token": "gap", "piece": piece} for piece in holes]
    return sorted(rows, key=lambda row: (row["piece"].x, not row["piece"].count))


def _sentence(total: DayTotal, opened: OpenDay, holes: Sequence[Piece]) -> str:
    """Say in words what the timeline shows."""
    said = [_kept(total, opened)]
    if holes:
        shown = [f"{hole.when} ({hole.says})" for hole in holes[:MOST_SAID]]
        more = len(holes) - MOST_SAID
        shown += [_("%(count)d more") % {"count": more}] if more > 0 else []
        said.append(_("Nothing could be taken: %(when)s.") % {"when": "; ".join(shown)})
    return " ".join(said)


def _kept(total: DayTotal, opened: OpenDay) -> str:
    kept = words.events(charts.kept(total))
    named = [app_name(app) for app in bands.most_used(opened, MOST_SAID)]
    more = len(opened.different_apps) - len(named)
    if not named:
        return _("Nothing is kept of this day.")
    apps = ", ".join([*named, *([_("%(count)d more") % {"count": more}] if more > 0 else [])])
    return _("%(kept)s kept, in %(apps)s.") % {"kept": kept, "apps": apps}


def _empty(total: DayTotal) -> str:
    """Say what an empty place means; of what was dropped nobody knows when it was."""
    if charts.dropped(total) or total.sending:
        return _(
            "Where a line is neither filled nor hatched, nothing of it was kept: "
            "it was not sent, or dropped on arrival."
        )
    return _("Where a line is neither filled nor hatched, nothing of it was sent.")
