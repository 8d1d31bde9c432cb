"""Describes the data files as a Data Package (Frictionless): one standard that fits CSV, JSON lines and Parquet alike.

JSON Schema describes one JSON document and says nothing of a table; a Table Schema names file, columns and types, and
spreadsheets, R, pandas and databases have readers for it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from portal.events.segments import SCHEMA
from portal.rights import tables

NAME = "datapackage.json"
MEDIA = {"csv": "text/csv", "jsonl": "application/jsonl", "parquet": "application/vnd.apache.parquet"}
FIELDS: dict[str, tuple[str, str]] = {
    "t": (
        "integer",
        "milliseconds since 1970-01-01T00:00:00Z; of key events whole seconds unless the notice says otherwise",
    ),
    "type": ("string", "the event's name in the W3C UI Events specification"),
    "category": ("string", "which kind of data this is"),
    "source": ("string", "the system that collected it"),
    "collector": ("string", "the installation that sent it"),
    "app": ("string", "the app as the event named it"),
    "in_app": ("string", "the app the event belongs to"),
    "purposes": ("string", "what it is kept for, separated by commas"),
    "key_purposes": ("string", "what the typed character is kept for"),
    "x": ("number", "horizontal place in pixels"),
    "y": ("number", "vertical place in pixels"),
    "button": ("integer", "which button"),
    "deltaX": ("number", "scrolled sideways"),
    "deltaY": ("number", "scrolled up or down"),
    "code": ("string", "which key"),
    "key": ("string", "which character"),
    "title": ("string", "title of the window; a colleague's name is replaced by their role in brackets"),
    "private": ("boolean", "whether the window was private"),
    "url": ("string", "address of the page; a colleague's name is replaced by their role in brackets"),
    "seq": ("integer", "the collector's own counter"),
    "screen_w": ("number", "width of the screen"),
    "screen_h": ("number", "height of the screen"),
    "screen": ("array", "width and height of the screen"),
}
FRACTION = "the same where a fraction was sent; the column without it is then empty"
WARNING = "In CSV files an apostrophe stands before text that a spreadsheet would run; it is not part of the data."


def describe(paths: Iterable[str]) -> dict[str, Any]:
    """Return the descriptor of a copy that has these files; what is no data file is left out."""
    found = [_resource(path) for path in sorted(paths) if path.startswith("data/")]
    return {
        "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
        "name": "daylight-copy",
        "description": WARNING,
        "resources": found,
    }


def _resource(path: str) -> dict[str, Any]:
    stem, _dot, ending = path.removeprefix("data/").rpartition(".")
    return {
        "name": f"{stem.lower()}-{ending}",
        "type": "table",
        "path": path,
        "format": ending,
        "mediatype": MEDIA[ending],
        "encoding": "utf-8",
        "schema": {"fields": [_field(name) for name in _columns(stem, ending)], "missingValues": [""]},
    }


def _columns(stem: str, ending: str) -> Iterable[str]:
    if ending == "parquet":
        return SCHEMA.names
    columns = tables.columns_of(stem)
    if ending == "csv":
        return columns
    return (*(name for name in columns if name not in tables.SCREEN), "screen")


def _field(name: str) -> dict[str, Any]:
    kind, says = FIELDS[name.removesuffix("_fraction")]
    if name.endswith("_fraction"):
        return {"name": name, "type": "number", "description": f"{says}: {FRACTION}"}
    return {"name": name, "type": kind, "description": says}
