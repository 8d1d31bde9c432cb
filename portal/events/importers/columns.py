"""Recordings in columns: a header line, then a record a line, whole or fractional numbers as text."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence

from portal.events.importers.base import SetAside, number
from portal.events.importers.source import Source

NUMBER = re.compile(r"[+-]?\d{1,20}(?:\.\d{0,30})?(?:[eE][+-]?\d{1,3})?", re.ASCII)

Row = dict[str, str]


def rows(source: Source, needed: Sequence[str]) -> Iterator[Row | SetAside]:
    """Yield each record, or why it is none; raises Unreadable where the header lacks a column."""
    names: list[str] | None = None
    for line in source.lines():
        if line is not None and not line.strip():
            continue
        if names is None:
            names = _header(source, line, needed)
        else:
            yield _row(names, line)
    if names is None:
        raise source.wrong("is empty")


def _header(source: Source, line: bytes | None, needed: Sequence[str]) -> list[str]:
    names = _cells(line) if line is not None else None
    if names is None or not set(needed) <= set(names):
        raise source.wrong(f"line 1 is not the header with the columns {', '.join(needed)}")
    return names


def _row(names: list[str], line: bytes | None) -> Row | SetAside:
    if line is None:
        return SetAside("line_too_long")
    cells = _cells(line)
    if cells is None or len(cells) != len(names):
        return SetAside("wrong_columns")
    return dict(zip(names, cells, strict=True))


def _cells(line: bytes) -> list[str] | None:
    """Return the cells of one line; a quote that stays open takes no other line with it."""
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = line.decode("latin-1")
    if '"' not in text:
        return text.rstrip("\r").split(",")
    try:
        return next(csv.reader([text.rstrip("\r")], strict=True), None)
    except csv.Error:
        return None


def numeric(row: Row, name: str) -> float:
    """Return a cell's number, whole if it was written so; raises SetAside."""
    cell = row[name].strip()
    if len(cell) < 16 and cell.isascii() and cell.isdigit():
        return int(cell)
    if not NUMBER.fullmatch(cell):
        raise SetAside("bad_" + name.replace(" ", "_"))
    value = float(cell) if set(cell) & set(".eE") else int(cell)
    return number({name.replace(" ", "_"): value}, name.replace(" ", "_"))
