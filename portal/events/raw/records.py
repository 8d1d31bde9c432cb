"""One event as the store holds it: the bytes of its record, field by field, and what it is sealed with."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from portal.events import blocks, segments
from portal.events.models import Block
from portal.events.openday import PLACE, OpenDay
from portal.vault import cipher, objects

# The field in front of the others in a block: of how many pairs the record consists.
HEAD = ""


@dataclass(frozen=True)
class Field:
    """A field, what it holds, and the bytes it is written as; what frames the others has no name."""

    name: str
    value: Any
    written: bytes

    @property
    def hex(self) -> str:
        return self.written.hex(" ")


@dataclass(frozen=True)
class Sealed:
    """What the record is sealed with; none of it opens anything."""

    kind: str
    key_id: str
    epoch: int
    generation: int | None
    name: str
    size: int
    of: int
    number: int


@dataclass(frozen=True)
class Record:
    """An event's fields as stored, in their order, and the rest of its row: what the portal keeps about it."""

    row: Mapping[str, Any]
    fields: list[Field]
    beside: list[Field]
    sealed: Sealed


def read(opened: OpenDay, position: int) -> Record:
    """Return the record at a position in the order of time."""
    place = opened.index[PLACE][position].as_py()
    [row] = segments.to_rows(opened.rows([place]))
    return _of_segment(opened, place, row) if place < opened.sealed_rows else _of_block(opened, place, row)


# --- in a block: as it was sent, one event after the other


def _of_block(opened: OpenDay, place: int, row: Mapping[str, Any]) -> Record:
    block, number, count = _found(opened, place - opened.sealed_rows)
    record = blocks.record(block, number)
    fields = _pairs(record)
    names = {each.name for each in fields}
    beside = [Field(name, value, b"") for name, value in row.items() if not _is_in(name, names)]
    body = bytes(block.body)
    sealed = Sealed("block", cipher.key_id_of(body).hex(), block.epoch, None, "", len(body), count, number + 1)
    return Record(row, fields, beside, sealed)


def _found(opened: OpenDay, place: int) -> tuple[Block, int, int]:
    """Return the block of an event, its number there, and how many it holds: blocks lie in the order of their ids."""
    bodies = [(block, blocks.body(block).events) for block in opened.seen.blocks if block.body]
    every = [(row.t, block, number, len(rows)) for block, rows in bodies for number, row in enumerate(rows)]
    _t, block, number, count = sorted(every, key=lambda each: each[0])[place]
    return block, number, count


def _is_in(name: str, names: set[str]) -> bool:
    return name in names or (name in ("screen_w", "screen_h") and "screen" in names)


def _pairs(record: bytes) -> list[Field]:
    """Take a record apart: joined, the bytes of its fields are the record."""
    fields = []
    for name, raw in msgspec.msgpack.decode(record, type=dict[str, msgspec.Raw]).items():
        fields.append(Field(name, msgspec.msgpack.decode(raw), msgspec.msgpack.encode(name) + bytes(raw)))
    head = record[: len(record) - sum(len(each.written) for each in fields)]
    return [Field(HEAD, len(fields), head), *fields]


# --- in a segment: a column for each field


def _of_segment(opened: OpenDay, place: int, row: Mapping[str, Any]) -> Record:
    segment = opened.seen.segment
    if segment is None:
        raise IndexError(place)
    blob = objects.get(segment.name)
    header, start = _header(blob)
    sealed = Sealed(
        kind="segment",
        key_id=cipher.key_id_of(blob[start:]).hex(),
        epoch=header.epoch,
        generation=header.generation,
        name=segment.name,
        size=len(blob),
        of=opened.sealed_rows,
        number=place + 1,
    )
    return Record(row, [Field(name, value, plain(value)) for name, value in row.items()], [], sealed)


def _header(blob: bytes) -> tuple[segments.Header, int]:
    """Return what a sealed object says of itself to whoever holds it, and where the sealed part begins."""
    start = len(segments.MAGIC) + 2
    end = start + int.from_bytes(blob[len(segments.MAGIC) : start], "big")
    return msgspec.json.decode(blob[start:end], type=segments.Header), end


def plain(value: Any) -> bytes:
    """Return a value as Parquet's plain encoding has it, before many of a column are packed together."""
    if isinstance(value, bool):
        return bytes([value])
    if isinstance(value, int):
        return struct.pack("<q", value)
    if isinstance(value, float):
        return struct.pack("<d", value)
    text = str(value).encode()
    return struct.pack("<I", len(text)) + text
