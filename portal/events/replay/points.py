"""The pointer's part of a stretch of time: where it went, was pressed and scrolled, in portions that a page can hold.

No key is among it, neither which nor when.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from portal.events import matching
from portal.events.openday import OpenDay, among, plain
from portal.events.replay.areas import Area, areas

MOST_POINTS = 5_000
HOUR = 60 * 60 * 1000
MINUTE = 60 * 1000
KINDS = {"pointermove": "m", "pointerdown": "d", "pointerup": "u", "wheel": "w"}
PLACES = ("x", "y", "screen_w", "screen_h", "deltaX", "deltaY")
COLUMNS = ("t", "type", "app", "in_app", "button", *PLACES, *(f"{name}_fraction" for name in PLACES))
Span = tuple[int, int]


@dataclass(frozen=True)
class Cursor:
    """From where on: so many events of the instant `t` were had already."""

    t: int
    had: int = 0

    @classmethod
    def read(cls, text: str) -> Cursor | None:
        """Read `1700000000000-2`; None for what is no cursor."""
        t, _dash, had = text.partition("-")
        known = all(part.isascii() and part.isdecimal() and len(part) < 16 for part in (t, had or "0"))
        return cls(int(t), int(had or 0)) if known else None

    def __str__(self) -> str:
        return f"{self.t}-{self.had}"


@dataclass(frozen=True)
class Portion:
    """Some points of a stretch, what they are drawn on, and where the next portion begins."""

    points: list[list[Any]]
    areas: list[Area]
    apps: list[str]
    next: Cursor | None


def of_pointer(opened: OpenDay, span: Span) -> pa.Table:
    """Return what the pointer did in a span of time, in order; numbers as fractions, the app that each belongs to."""
    table = opened.columns(COLUMNS, span)
    inside = pc.and_(pc.greater_equal(table["t"], span[0]), pc.less(table["t"], span[1]))
    table = plain(table.filter(pc.and_(inside, among(table["type"], KINDS))))
    columns = {name: table[name] for name in ("t", "type", "button")} | {"app": matching.apps(table)}
    for name in PLACES:
        columns[name] = pc.coalesce(table[f"{name}_fraction"], pc.cast(table[name], pa.float64()))
    return pa.table(columns)


def portion(opened: OpenDay, span: Span, after: Cursor | None = None) -> Portion:
    """Return the next points of a stretch, at most MOST_POINTS."""
    table = of_pointer(opened, span)
    start = _start(table["t"], after) if after else 0
    shown = table.slice(start, MOST_POINTS)
    drawn_on, place_of = areas(table)
    apps = pc.unique(shown["app"]).to_pylist()
    rows = [_point(row, span[0], place_of, apps) for row in shown.to_pylist()]
    more = start + len(shown) < len(table)
    return Portion(rows, drawn_on, apps, _cursor(table["t"], start + len(shown)) if more else None)


def _start(times: Any, after: Cursor) -> int:
    """Return the place of the first point that was not had."""
    before = pc.sum(pc.less(times, after.t)).as_py() or 0
    same = pc.sum(pc.equal(times, after.t)).as_py() or 0
    return before + min(after.had, same)


def _cursor(times: Any, place: int) -> Cursor:
    t = times[place].as_py()
    return Cursor(t, place - (pc.sum(pc.less(times, t)).as_py() or 0))


def _point(row: dict[str, Any], start: int, place_of: dict[tuple[Any, Any], int], apps: Sequence[str]) -> list[Any]:
    """Return [ms since the start, kind, x, y, area, app, button or how far was scrolled]."""
    kind = KINDS[row["type"]]
    more = row["button"] if kind in "du" else row["deltaY"] or row["deltaX"]
    area = place_of.get((row["screen_w"], row["screen_h"]), 0)
    return [row["t"] - start, kind, _short(row["x"]), _short(row["y"]), area, apps.index(row["app"]), _short(more)]


def _short(number: float | None) -> float | None:
    if number is None:
        return None
    return int(number) if number == int(number) else round(number, 2)


# --- which stretches there are, and the same as a table


def by_hour(opened: OpenDay, span: Span) -> list[tuple[int, int]]:
    """Return (start, events of the pointer) of each hour of the day that has any."""
    table = opened.columns(("t", "type"))
    times = table["t"].filter(among(table["type"], KINDS))
    counted = pc.value_counts(pc.divide(pc.subtract(times, span[0]), HOUR)).to_pylist()
    return sorted((span[0] + each["values"] * HOUR, each["counts"]) for each in counted)


def by_minute(opened: OpenDay, span: Span) -> list[dict[str, Any]]:
    """Return for each minute with any how often it moved, was pressed and scrolled, and from where to where."""
    table = of_pointer(opened, span)
    minutes = pc.divide(pc.subtract(table["t"], span[0]), MINUTE)
    columns = {"minute": minutes, "x": table["x"], "y": table["y"]}
    columns |= {kind: pc.cast(pc.equal(table["type"], kind), pa.int64()) for kind in KINDS}
    wanted = [(kind, "sum") for kind in KINDS] + [(name, which) for name in "xy" for which in ("first", "last")]
    counted = pa.table(columns).group_by("minute", use_threads=False).aggregate(wanted)
    return [row | {"from_ms": span[0] + row["minute"] * MINUTE} for row in counted.sort_by("minute").to_pylist()]
