"""Turns a day's table into the bytes of a data file: CSV that is safe to open, JSON lines, or Parquet. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from consent.values import Scope
from portal.events.values import UNKNOWN_APP
from portal.rights.lines import Lines, add, encoded, only_one
from portal.rights.values import Format

CONTENT = "keystroke_content"
EVERY_EVENT = Scope()
# What says to which purposes an event, and the character that was typed with it, are bound.
BOUND = ("purposes", "key_purposes")
SHARED = ("t", "type", "category", "source", "collector", "app", "in_app", "purposes")
OWN: dict[str, tuple[str, ...]] = {
    "pointer_movement": ("x", "y"),
    "pointer_clicks": ("x", "y", "button"),
    "scrolling": ("deltaX", "deltaY", "x", "y"),
    "keystroke_timing": ("code", "key", "key_purposes"),
    CONTENT: ("code", "key", "key_purposes"),
    "app_usage": ("title", "private"),
    "web_navigation": ("url",),
}
SCREEN = ("screen_w", "screen_h")
LAST = ("seq", *SCREEN)
# What a spreadsheet takes for the beginning of a formula or of a command.
RISKY = frozenset("=+-@\t\r\n\0|%")
# Spaces and characters without a shape, which a spreadsheet skips before it looks.
SKIPPED = frozenset({"Zs", "Zl", "Zp", "Cf"})


def columns_of(category: str) -> tuple[str, ...]:
    return (*SHARED, *OWN[category], *LAST)


def takes_all(scope: Scope, purposes: frozenset[str] | None) -> bool:
    """Return whether a copy asks for all that is stored."""
    return purposes is None and replace(scope, purposes=None) == EVERY_EVENT


def within(table: pa.Table, scope: Scope, purposes: frozenset[str] | None = None) -> pa.Table:
    """Return the rows that a copy asks for; with `purposes`, only what is kept for one of them."""
    if purposes is not None and keeps_all({name: _different(table[name]) for name in BOUND}, purposes):
        purposes = None
    if takes_all(replace(scope, categories=None), purposes):
        return table
    table = plain(table)
    wanted = _wanted(table, scope)
    if purposes is not None:
        wanted = pc.and_(wanted, _bound_to(table["purposes"], purposes))
        table = _typed_for(table, purposes)
    return table.filter(pc.fill_null(wanted, False))


def _typed_for(table: pa.Table, purposes: frozenset[str]) -> pa.Table:
    """Take off typed characters that are kept for none of these purposes: they are not what the event is kept for."""
    met, none = _bound_to(table["key_purposes"], purposes), pa.scalar(None, pa.string())
    for name in ("key", "key_purposes"):
        left = pc.if_else(pc.fill_null(met, False), table[name], none)
        table = table.set_column(table.schema.get_field_index(name), name, left)
    return table


def keeps_all(texts: Mapping[str, Collection[str | None]], purposes: frozenset[str]) -> bool:
    """Return whether `within` would take nothing away from events whose columns `BOUND` hold these texts."""
    met = {each: bool(each and purposes & set(each.split(","))) for name in BOUND for each in texts[name]}
    return all(met[each] for each in texts["purposes"]) and all(met[each] for each in texts["key_purposes"] if each)


def _different(column: pa.ChunkedArray) -> set[str | None]:
    return set(pc.unique(column).to_pylist())


def plain(table: pa.Table) -> pa.Table:
    """Return texts as texts, where each stands as a place in a list of the different ones."""
    for place, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, pc.cast(table[field.name], pa.string()))
    return table


def _wanted(table: pa.Table, scope: Scope) -> pa.ChunkedArray:
    wanted = pc.is_valid(table["t"])
    if scope.from_ms is not None:
        wanted = pc.and_(wanted, pc.greater_equal(table["t"], scope.from_ms))
    if scope.to_ms is not None:
        wanted = pc.and_(wanted, pc.less(table["t"], scope.to_ms))
    app = pc.coalesce(table["app"], table["in_app"], pa.scalar(UNKNOWN_APP))
    named = ((table["source"], scope.sources), (table["collector"], scope.collectors), (app, scope.apps))
    for column, meant in named:
        if meant is not None:
            wanted = pc.and_(wanted, pc.is_in(column, pa.array(sorted(meant), pa.string())))
    return wanted


def _bound_to(column: pa.ChunkedArray, purposes: frozenset[str]) -> pa.ChunkedArray:
    met = [each for each in pc.unique(column).to_pylist() if each and purposes & set(each.split(","))]
    return pc.is_in(column, pa.array(met, pa.string()))


def by_category(table: pa.Table, scope: Scope) -> dict[str, pa.Table]:
    """Split a day into its files; a typed character stands beside its key, or alone if only that was asked."""
    kinds = encoded(table["category"])
    found = {
        category: _rows_at(table.select(columns_of(category)), pc.indices_nonzero(pc.equal(kinds.indices, place)))
        for place, category in enumerate(kinds.dictionary.to_pylist())
        if scope.categories is None or category in scope.categories
    }
    if scope.categories is None or CONTENT in scope.categories:
        if "keystroke_timing" not in found and table["key"].null_count < len(table):
            found[CONTENT] = table.select(columns_of(CONTENT)).filter(pc.is_valid(table["key"]))
    elif "keystroke_timing" in found:
        found["keystroke_timing"] = _without(found["keystroke_timing"], ("key", "key_purposes"))
    return {category: each for category, each in found.items() if len(each)}


def _rows_at(table: pa.Table, places: pa.Array) -> pa.Table:
    """Return some rows; what is the same in every row need not be looked for."""
    count = len(places)
    return pa.table(
        {
            name: column.slice(0, count) if _is_same(column) else column.take(places)
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    )


def _is_same(column: pa.ChunkedArray) -> bool:
    if column.null_count == len(column):
        return True
    one = column.num_chunks == 1 and pa.types.is_dictionary(column.type)
    return one and only_one(column.chunk(0)) is not None


def of_categories(table: pa.Table, scope: Scope) -> pa.Table:
    """Return the rows of the categories asked for, in the columns in which they are stored."""
    if scope.categories is None:
        return table
    if CONTENT not in scope.categories:
        table = _without(table, ("key", "key_purposes"))
    wanted = pc.is_in(table["category"], pa.array(sorted(scope.categories), pa.string()))
    if CONTENT in scope.categories:
        wanted = pc.or_(wanted, pc.is_valid(table["key"]))
    return table.filter(wanted)


def _without(table: pa.Table, names: tuple[str, ...]) -> pa.Table:
    for name in names:
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(name), pa.nulls(len(table), table[name].type))
    return table


# --- CSV


def safe(text: str | None) -> str | None:
    """Put an apostrophe before what a spreadsheet would run."""
    if text is None:
        return None
    shown = "".join(each for each in text if unicodedata.category(each) not in SKIPPED)
    first = unicodedata.normalize("NFKC", shown[:1])[:1]
    return f"'{text}" if first in RISKY and first else text


def to_csv(table: pa.Table) -> bytes | memoryview:
    """Write rows without a header; texts in quotes, a field that was not sent empty."""
    lines = Lines(len(table))
    for number, name in enumerate(table.column_names):
        add(lines, table[name], "," if number else "", _quoted, always=True)
    lines.text("\n")
    return lines.joined()


def _quoted(text: str) -> str:
    return '"' + (safe(text) or "").replace('"', '""') + '"'


def csv_category(path: str) -> str:
    """Return the category of whose events this is the CSV file, empty if it is none."""
    return path.removeprefix("data/").removesuffix(".csv") if path.startswith("data/") and path.endswith(".csv") else ""


def csv_header(category: str) -> bytes:
    return (",".join(columns_of(category)) + "\n").encode()


# --- JSON lines


def to_jsonl(table: pa.Table) -> bytes | memoryview:
    """Write each event with the fields that were sent, and what it is kept for."""
    lines = Lines(len(table))
    for number, name in enumerate(each for each in table.column_names if each not in SCREEN):
        add(lines, table[name], f'{"," if number else "{"}"{name}":', _json_text, always=False)
    if set(SCREEN) <= set(table.column_names):
        add(lines, _screens(table), ',"screen":', str, always=False)
    lines.text("}\n")
    return lines.joined()


def _json_text(text: str) -> str:
    return msgspec.json.encode(text).decode()


def _screens(table: pa.Table) -> pa.DictionaryArray:
    """Return the screen as JSON has it; there are few, so each is a text of its own."""
    width, height = (pc.cast(table[name], pa.string()) for name in SCREEN)
    ends = pa.scalar("["), pa.scalar("]")
    inner = pc.binary_join_element_wise(width, height, pa.scalar(","))
    return encoded(pc.binary_join_element_wise(ends[0], inner, ends[1], pa.scalar("")))


WRITERS: dict[str, Callable[[pa.Table], bytes | memoryview]] = {
    Format.CSV: to_csv,
    Format.JSONL: to_jsonl,
}
