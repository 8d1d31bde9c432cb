"""Writes events as rows of an HTML table, column by column: a page for people who have no tool but a browser. Pure."""

from __future__ import annotations

from functools import cache
from html import escape
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from portal.rights.lines import LARGE, Lines, add

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


def to_rows(table: pa.Table, zone: str) -> bytes:
    """Return a row for each event: time of day, what happened, its fields, the app, and what differs."""
    lines = Lines(len(table))
    lines.text("<tr><td>")
    _add_time(lines, table["t"], zone)
    add(lines, table["type"], "<td>", _what, always=True)
    lines.text("<td>")
    for name, label in FIELDS:
        add(lines, table[name], f" {label} " if label else " ", _shown, always=False)
    private = pc.if_else(table["private"], str(_("private window")), pa.scalar(None, pa.string()))
    add(lines, private, " ", _shown, always=False)
    add(lines, pc.coalesce(table["app"], table["in_app"]), "<td>", _shown, always=True)
    for name in varying(table):
        add(lines, table[name], "<td>", _shown, always=True)
    lines.text("\n")
    return lines.joined()


def varying(table: pa.Table) -> list[str]:
    """Return which of source, installation and purposes differ within the page, so that each row has to say them."""
    return [name for name in ABOUT if len(pc.unique(table[name])) > 1]


def common(table: pa.Table) -> dict[str, str]:
    """Return those that are the same for every event of the page."""
    return {name: table[name][0].as_py() or "" for name in ABOUT if name not in varying(table)}


def times(table: pa.Table, zone: str) -> tuple[str, str]:
    """Return the time of day of the first event and of the last."""
    seconds = _seconds_of_day(table["t"], zone)[0]
    return _clock()[seconds[0].as_py()].as_py(), _clock()[seconds[-1].as_py()].as_py()


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
def _clock() -> pa.LargeStringArray:
    return pa.array([f"{s // 3600:02}:{s // 60 % 60:02}:{s % 60:02}" for s in range(DAY_SECONDS)], LARGE)


@cache
def _fractions() -> pa.LargeStringArray:
    return pa.array([f".{ms:03}" for ms in range(1000)], LARGE)
