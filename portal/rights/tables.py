"""Turns a day's table into the bytes of a data file: CSV that is safe to open, JSON lines, or Parquet. Pure."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Callable
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from consent.values import Scope
from portal.events.values import UNKNOWN_APP
from portal.rights.values import Format

CONTENT = "keystroke_content"
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
LAST = ("seq", "screen_w", "screen_h")
# What a spreadsheet takes for the beginning of a formula or of a command.
RISKY = frozenset("=+-@\t\r\n\0|%")
# Spaces and characters without a shape, which a spreadsheet skips before it looks.
SKIPPED = frozenset({"Zs", "Zl", "Zp", "Cf"})


def columns_of(category: str) -> tuple[str, ...]:
    return (*SHARED, *OWN[category], *LAST)


def within(table: pa.Table, scope: Scope, purposes: frozenset[str] | None = None) -> pa.Table:
    """Return the rows that a copy asks for; with `purposes`, only what is kept for one of them."""
    wanted = _wanted(table, scope)
    if purposes is not None:
        wanted = pc.and_(wanted, _bound_to(table["purposes"], purposes))
    return table.filter(pc.fill_null(wanted, False))


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
    found = {
        category: table.filter(pc.equal(table["category"], category))
        for category in pc.unique(table["category"]).to_pylist()
        if scope.categories is None or category in scope.categories
    }
    if scope.categories is None or CONTENT in scope.categories:
        typed = table.filter(pc.is_valid(table["key"]))
        if "keystroke_timing" not in found and len(typed):
            found[CONTENT] = typed
    elif "keystroke_timing" in found:
        found["keystroke_timing"] = _without(found["keystroke_timing"], ("key", "key_purposes"))
    return {category: each.select(columns_of(category)) for category, each in found.items() if len(each)}


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


def _safe_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Guard each different text once."""
    encoded = column.combine_chunks().dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    guarded = [safe(text) for text in texts]
    if guarded == texts:
        return column
    return pa.DictionaryArray.from_arrays(encoded.indices, pa.array(guarded, pa.string())).cast(pa.string())


def to_csv(table: pa.Table) -> bytes:
    for name in table.column_names:
        if pa.types.is_string(table.schema.field(name).type):
            table = table.set_column(table.schema.get_field_index(name), name, _safe_column(table[name]))
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(table, sink, pyarrow.csv.WriteOptions(include_header=False))
    return sink.getvalue().to_pybytes()


def csv_header(category: str) -> bytes:
    return (",".join(columns_of(category)) + "\n").encode()


# --- JSON lines


def to_jsonl(table: pa.Table) -> bytes:
    """Write each event with the fields that were sent, and what it is kept for."""
    names = table.column_names
    rows = zip(*(table[name].to_pylist() for name in names), strict=True)
    return msgspec.json.Encoder().encode_lines([_event(names, row) for row in rows])


def _event(names: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
    event = {name: value for name, value in zip(names, row, strict=True) if value is not None}
    width, height = event.pop("screen_w", None), event.pop("screen_h", None)
    if width is not None:
        event["screen"] = [width, height]
    return event


# --- Parquet


def to_parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd", compression_level=3)
    return sink.getvalue().to_pybytes()


class Sink(io.RawIOBase):
    """Hands on what is written in pieces of a bearable size."""

    def __init__(self, hand_on: Callable[[bytes], None], piece: int) -> None:
        super().__init__()
        self.hand_on, self.piece = hand_on, piece
        self.held, self.written = bytearray(), 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.written

    def write(self, data: Any) -> int:
        self.held += data
        self.written += len(data)
        if len(self.held) >= self.piece:
            self.finish()
        return len(data)

    def finish(self) -> None:
        if self.held:
            self.hand_on(bytes(self.held))
            self.held = bytearray()


def join_parquet(pieces: Callable[[], Any], sink: Sink) -> int:
    """Write pieces as one table, a row group each; return the rows. Days may differ in whole numbers and fractions."""
    schema = pa.unify_schemas(
        [pq.read_schema(pa.BufferReader(piece)) for piece in pieces()], promote_options="permissive"
    )
    rows = 0
    with pq.ParquetWriter(sink, schema, compression="zstd", compression_level=3) as writer:
        for piece in pieces():
            table = pq.read_table(pa.BufferReader(piece)).cast(schema)
            writer.write_table(table)
            rows += len(table)
    sink.finish()
    return rows


WRITERS: dict[str, Callable[[pa.Table], bytes]] = {
    Format.CSV: to_csv,
    Format.JSONL: to_jsonl,
    Format.PARQUET: to_parquet,
}
