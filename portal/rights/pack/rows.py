"""Writes events as rows of an HTML table, column by column: a page for people who have no tool but a browser. Pure."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal.rights.lines import LARGE, Lines, add, encoded

DAY_SECONDS = 24 * 3600
WHAT: dict[str, str | Promise] = {
    "pointermove": _("pointer moved"),
    "pointerdown": _("button pressed"),
    "pointerup": _("button let go"),
    "wheel": _("scrolled"),
    "keydown": _("key pressed"),
    "keyup": _("key let go"),
    "focus": _("window came to the front"),
    "blur": _("window left the front"),
    "navigate": _("page opened"),
}
# What stands before each field of an event; a field that was not sent has nothing.
FIELDS: tuple[tuple[str, str | Promise], ...] = (
    ("x", "x"),
    ("y", "y"),
    ("button", _("button")),
    ("deltaX", _("sideways")),
    ("deltaY", _("down")),
    ("code", _("key")),
    ("key", _("typed")),
    ("title", _("title")),
    ("url", ""),
)
ABOUT = ("source", "collector", "purposes")
# More rows are written one kind of event at a time: most of its columns are empty, and an empty one costs nothing.
FEW = 5_000


def to_rows(table: pa.Table, zone: str) -> Any:
    """Return a row for each event: time of day, what happened, its fields, the app, and what differs."""
    beside = varying(table)
    if len(table) <= FEW:
        return pa.concat_arrays(_chunks(_rows_of(table, zone, beside)))
    kinds, parts, places = encoded(table["category"]), [], []
    for place in range(len(kinds.dictionary)):
        here = pc.indices_nonzero(pc.equal(kinds.indices, place))
        parts += _chunks(_rows_of(table.take(here), zone, beside))
        places.append(here)
    return pa.concat_arrays(parts).take(pc.sort_indices(pa.concat_arrays(places)))


def _rows_of(table: pa.Table, zone: str, beside: list[str]) -> Any:
    lines = Lines(len(table))
    lines.text("<tr><td>")
    _add_time(lines, table["t"], zone)
    add(lines, table["type"], "<td>", _what, always=True)
    lines.text("<td>")
    for name, label in FIELDS:
        add(lines, table[name], f" {label} " if label else " ", _shown, always=False)
    if table["private"].null_count < len(table):
        private = pc.if_else(table["private"], str(_("private window")), pa.scalar(None, pa.string()))
        add(lines, private, " ", _shown, always=False)
    add(lines, _app(table), "<td>", _shown, always=True)
    for name in beside:
        add(lines, table[name], "<td>", _shown, always=True)
    lines.text("\n")
    return lines.array()


def _app(table: pa.Table) -> Any:
    """Return the app that each event named, else the one it belongs to."""
    if table["app"].null_count == len(table):
        return table["in_app"]
    return pc.coalesce(*(pc.cast(table[name], pa.string()) for name in ("app", "in_app")))


def _chunks(array: Any) -> list[Any]:
    return array.chunks if isinstance(array, pa.ChunkedArray) else [array]


def varying(table: pa.Table) -> list[str]:
    """Return which of source, installation and purposes differ, so that each row has to say them."""
    return [name for name in ABOUT if len(encoded(table[name]).dictionary) > 1 and len(pc.unique(table[name])) > 1]


def common(table: pa.Table) -> dict[str, str]:
    """Return those that are the same for every event."""
    beside = varying(table)
    return {name: table[name][0].as_py() or "" for name in ABOUT if name not in beside}


def clock(table: pa.Table, zone: str) -> tuple[str, str]:
    """Return the time of day of the first event and of the last."""
    ends = (table["t"][place].as_py() / 1000 for place in (0, -1))
    first, last = (datetime.fromtimestamp(each, ZoneInfo(zone)) for each in ends)
    return f"{first:%H:%M:%S}", f"{last:%H:%M:%S}"


def _what(kind: str) -> str:
    return escape(str(WHAT.get(kind, kind)))


def _shown(text: str) -> str:
    return escape(text, quote=False)


def _add_time(lines: Lines, t: Any, zone: str) -> None:
    seconds, thousandths = _seconds_of_day(t, zone)
    lines.column(_clock().take(seconds))
    lines.column(_fractions().take(thousandths))


def _seconds_of_day(t: Any, zone: str) -> tuple[Any, Any]:
    whole = t.combine_chunks() if isinstance(t, pa.ChunkedArray) else t
    local = pc.local_timestamp(whole.cast(pa.timestamp("ms", zone))).cast(pa.int64())
    days = pc.floor(pc.divide(pc.cast(local, pa.float64()), DAY_SECONDS * 1000.0)).cast(pa.int64())
    ms = pc.subtract(local, pc.multiply(days, DAY_SECONDS * 1000))
    seconds = pc.divide(ms, 1000)
    return seconds, pc.subtract(ms, pc.multiply(seconds, 1000))


@cache
def _clock() -> Any:
    """Return every second of a day as it is written; put together from minutes, which takes no time at all."""
    minutes = pa.array([f"{m // 60:02}:{m % 60:02}" for m in range(DAY_SECONDS // 60)], LARGE)
    seconds = pa.array([f":{s:02}" for s in range(60)], LARGE)
    every = pa.array(range(DAY_SECONDS))
    minute = pc.divide(every, 60)
    second = pc.subtract(every, pc.multiply(minute, 60))
    return pc.binary_join_element_wise(minutes.take(minute), seconds.take(second), pa.scalar("", LARGE))


@cache
def _fractions() -> pa.LargeStringArray:
    return pa.array([f".{ms:03}" for ms in range(1000)], LARGE)
