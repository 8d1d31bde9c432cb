"""A day's segment: its columns, its Parquet form, and the sealed object that names whose day it is."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from msgspec import Struct

from portal.events.blocks import Body, Row
from portal.events.models import Segment
from portal.events.values import Base
from portal.vault import keys, objects

ROWS_A_GROUP = 50_000
MAGIC = b"DLSEG1"
# A number that was sent whole comes back whole: what has a fraction stands in a column of its own, mostly empty.
NUMBERS = ("x", "y", "deltaX", "deltaY", "screen_w", "screen_h")
DELTA = ("t", "x", "y")
TEXTS = ("type", "category", "source", "collector", "app", "in_app", "purposes", "key_purposes", "code", "key", "title")
SCHEMA = pa.schema(
    [("t", pa.int64())]
    + [(name, pa.string()) for name in (*TEXTS, "url")]
    + [("button", pa.int64()), ("private", pa.bool_()), ("seq", pa.int64())]
    + [(name, pa.int64()) for name in NUMBERS]
    + [(f"{name}_fraction", pa.float64()) for name in NUMBERS]
)
COLUMNS = (
    *("t", "type", "category", "source", "collector", "app", "in_app", "purposes", "key_purposes"),
    *("x", "y", "button", "deltaX", "deltaY", "code", "key", "title", "private", "url", "seq"),
    *("screen_w", "screen_h"),
)


def _categories(base: type[Base]) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in base.__subclasses__():
        tag = each.__struct_config__.tag
        found |= {tag: each.category} if isinstance(tag, str) else {}
        found |= _categories(each)
    return found


CATEGORY_OF = _categories(Base)


class Header(Struct):
    """What a sealed object says of itself, bound to what it holds; a restore finds its way by it."""

    subject: UUID
    day: date
    generation: int
    epoch: int


def empty() -> pa.Table:
    return SCHEMA.empty_table()


def from_body(body: Body) -> pa.Table:
    """Return a block's events as columns."""
    rows = body.events
    purposes = [",".join(each.purposes) for each in body.bindings]
    contents = [",".join(each.contents) or None for each in body.bindings]
    apps = [each.app for each in body.bindings]
    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in rows]
        for name in ("t", "type", "app", "code", "key", "title", "url", "button", "private", "seq")
    }
    columns["category"] = [CATEGORY_OF[row.type] for row in rows]
    columns["source"] = [body.source] * len(rows)
    columns["collector"] = [body.writer] * len(rows)
    columns["in_app"] = [apps[place] for place in body.bound]
    columns["purposes"] = [purposes[place] for place in body.bound]
    columns["key_purposes"] = [
        contents[place] if row.key is not None else None for place, row in zip(body.bound, rows, strict=True)
    ]
    return pa.table(columns | _numbers(rows), schema=SCHEMA)


def _numbers(rows: Sequence[Row]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {}
    values = {name: [getattr(row, name) for row in rows] for name in NUMBERS[:4]}
    values["screen_w"] = [row.screen and row.screen[0] for row in rows]
    values["screen_h"] = [row.screen and row.screen[1] for row in rows]
    for name, column in values.items():
        columns[name] = [each if type(each) is int else None for each in column]
        columns[f"{name}_fraction"] = [each if type(each) is float else None for each in column]
    return columns


def joined(tables: Iterable[pa.Table]) -> pa.Table:
    """Return all rows in order of time; of the same instant in the order given."""
    whole = pa.concat_tables([empty(), *tables]).combine_chunks()
    return whole.take(pc.sort_indices(whole, [("t", "ascending")]))


def outward(table: pa.Table) -> pa.Table:
    """Return the columns as others read them: one for each field, whole numbers unless a fraction was sent."""
    columns = {name: table[name] for name in COLUMNS}
    for name in NUMBERS:
        fraction = table[f"{name}_fraction"]
        if fraction.null_count < len(fraction):
            columns[name] = pc.coalesce(fraction, pc.cast(table[name], pa.float64()))
    return pa.table(columns)


def to_rows(table: pa.Table) -> list[dict[str, Any]]:
    """Return each event as it was sent, with what it is kept for; what was not sent is absent."""
    found = []
    for each in table.to_pylist():
        row = {name: value for name, value in each.items() if value is not None}
        for name in NUMBERS:
            if (fraction := row.pop(f"{name}_fraction", None)) is not None:
                row[name] = fraction
        found.append({name: row[name] for name in COLUMNS if name in row})
    return found


def to_parquet(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(
        table,
        sink,
        row_group_size=ROWS_A_GROUP,
        compression="zstd",
        compression_level=3,
        use_dictionary=list(TEXTS),
        column_encoding=dict.fromkeys(DELTA, "DELTA_BINARY_PACKED"),
    )
    return sink.getvalue().to_pybytes()


def from_parquet(data: bytes) -> pa.Table:
    return pq.read_table(pa.BufferReader(data), use_threads=False)


def prefix_of(subject_id: UUID, day: date | None = None) -> str:
    return f"segments/{subject_id}/{day.isoformat()}/" if day else f"segments/{subject_id}/"


def put(header: Header, table: pa.Table) -> str:
    """Seal a day into a new object, read it back and compare; return its name."""
    month, day = header.day.isoformat()[:7], header.day.isoformat()
    bound = msgspec.json.encode(header)
    sealed = keys.seal_for(header.subject, header.epoch, month, day, to_parquet(table), bound)
    place = f"{header.epoch}-{header.generation}-{secrets.token_hex(8)}"
    name = f"{prefix_of(header.subject, header.day)}{place}"
    try:
        objects.put(name, MAGIC + len(bound).to_bytes(2, "big") + bound + sealed)
        if not read(name)[1].equals(table):
            raise Unfaithful(name)
    except (OSError, objects.Missing, Unfaithful):
        # It may be there all the same; nobody will ever name it.
        with suppress(OSError):
            objects.delete(name)
        raise
    return name


class Unfaithful(Exception):
    """An object does not hold what was put there."""


def lean(data: bytes, groups: Sequence[int] | None = None) -> pa.Table:
    """Return a Parquet file's events, of the texts each different one once.

    Whoever only hands a day on is spared most of the work: columns without any value, or with one text, are not read.
    """
    file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=[*TEXTS, "url"])
    chosen = range(file.num_row_groups) if groups is None else groups
    known = _known(file.metadata, SCHEMA.names)
    wanted = [name for name, texts in known.items() if texts is None]
    read = file.read_row_groups(list(chosen), columns=wanted, use_threads=False)
    table = read.unify_dictionaries().combine_chunks()
    count = sum(file.metadata.row_group(number).num_rows for number in chosen)
    return pa.table(
        {
            field.name: table[field.name]
            if known[field.name] is None
            else _always(known[field.name], count, field.type)
            for field in SCHEMA
        }
    )


def _always(texts: frozenset[str] | None, count: int, kind: pa.DataType) -> pa.Array:
    """Return a column that has one text in every row, or none in any."""
    if not texts:
        return pa.nulls(count, kind)
    return pa.DictionaryArray.from_arrays(pa.repeat(pa.scalar(0, pa.int32()), count), pa.array(sorted(texts), kind))


def groups_of(data: bytes) -> int:
    """Return of how many groups of rows a Parquet file consists."""
    return int(pq.read_metadata(pa.BufferReader(data)).num_row_groups)


def latest(data: bytes) -> int:
    """Return the time of a Parquet file's last event in milliseconds, by its own statistics."""
    metadata = pq.read_metadata(pa.BufferReader(data))
    place = SCHEMA.get_field_index("t")
    groups = (metadata.row_group(number).column(place).statistics for number in range(metadata.num_row_groups))
    return max(group.max for group in groups)


def outline(data: bytes, names: Collection[str]) -> tuple[int, dict[str, set[str | None]]]:
    """Return how many events a Parquet file holds, and the different texts of some of its columns; None is no text."""
    file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=list(names))
    known = _known(file.metadata, names)
    found: dict[str, set[str | None]] = {name: set(texts or {None}) for name, texts in known.items()}
    if unknown := [name for name, texts in known.items() if texts is None]:
        table = file.read(columns=unknown, use_threads=False)
        for name, column in zip(table.column_names, table.columns, strict=True):
            told = {text for chunk in column.chunks for text in chunk.dictionary.to_pylist()}
            found[name] = {*told, None} if column.null_count else {*told}
    return file.metadata.num_rows, found


def _known(metadata: pq.FileMetaData, names: Iterable[str]) -> dict[str, frozenset[str] | None]:
    """Return what stands in each row of a column by its statistics: nothing, or one text; None if it must be read."""
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    return {name: _told(groups, name) for name in names}


def _told(groups: Sequence[pq.RowGroupMetaData], name: str) -> frozenset[str] | None:
    place = SCHEMA.get_field_index(name)
    told = [(group.column(place).statistics, group.num_rows) for group in groups]
    if any(each is None or each.null_count is None for each, _rows in told):
        return None
    if all(each.null_count == rows for each, rows in told):
        return frozenset()
    if name not in (*TEXTS, "url") or any(each.null_count or not each.has_min_max for each, _rows in told):
        return None
    ends = frozenset(text for each, _rows in told for text in (each.min, each.max))
    return ends if len(ends) == 1 else None


def read(name: str) -> tuple[Header, pa.Table]:
    """Open an object; raises Missing, KeyGone, Damaged, WrongKey or Unfaithful."""
    header, data = unsealed(name)
    return header, from_parquet(data)


def unsealed(name: str) -> tuple[Header, bytes]:
    """Return an object's Parquet file; raises what `read` raises."""
    blob = objects.get(name)
    size = int.from_bytes(blob[len(MAGIC) : len(MAGIC) + 2], "big")
    start = len(MAGIC) + 2
    if blob[: len(MAGIC)] != MAGIC:
        raise Unfaithful(name)
    bound = blob[start : start + size]
    header = _header(name, bound)
    if not name.startswith(prefix_of(header.subject, header.day)):
        raise Unfaithful(name)
    opened = keys.open_for(header.subject, header.day.isoformat()[:7], blob[start + size :], bound)
    return header, opened


def _header(name: str, bound: bytes) -> Header:
    try:
        return msgspec.json.decode(bound, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unfaithful(name) from error


def load(segment: Segment) -> pa.Table:
    """Return a segment's events; raises Missing where a newer generation took its place."""
    return from_parquet(parquet(segment))


def parquet(segment: Segment) -> bytes:
    """Return a segment's Parquet file; raises what `load` raises."""
    header, data = unsealed(segment.name)
    if header.generation != segment.generation:
        raise Unfaithful(segment.name)
    return data
