"""A block's sealed body: the kept events of one batch and day, as they were sent, with what each is kept for."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import msgspec
import pyarrow as pa
from msgspec import Struct

from portal.events import tally
from portal.events.models import Block
from portal.events.tally import DayTally
from portal.events.values import Event
from portal.vault import cipher, keys

# The lowest level: it is compressed again, harder, when the day is sealed.
_codec = pa.Codec("zstd", compression_level=1)


class Binding(Struct, array_like=True, frozen=True):
    """What events are kept for, what their typed characters are kept for, and the app they belong to."""

    purposes: tuple[str, ...]
    contents: tuple[str, ...] = ()
    app: str | None = None


class Written(Struct, array_like=True):
    """A body as ingest writes it: `bound` says for each event which binding is its own."""

    source: str
    writer: str
    bindings: list[Binding]
    bound: list[int]
    events: list[Event]


class Row(Struct, kw_only=True, gc=False):
    """An event as it is read back, whatever its type; None stands for what was not sent."""

    type: str
    t: int
    seq: int | None = None
    app: str | None = None
    screen: tuple[int | float, int | float] | None = None
    x: int | float | None = None
    y: int | float | None = None
    button: int | None = None
    deltaX: int | float | None = None
    deltaY: int | float | None = None
    code: str | None = None
    key: str | None = None
    title: str | None = None
    private: bool | None = None
    url: str | None = None


class Body(Struct, array_like=True):
    """A body as it is read."""

    source: str
    writer: str
    bindings: list[Binding]
    bound: list[int]
    events: list[Row]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Body).decode


def _bound(subject_id: UUID, day: date, receipt_id: UUID, part: str) -> bytes:
    return cipher.aad("block", subject_id, day.isoformat(), receipt_id, part)


def pack(written: Written) -> bytes:
    return _encode(written)


def build(subject_id: UUID, day: date, epoch: int, receipt_id: UUID, packed: bytes, counts: DayTally) -> Block:
    """Return a sealed block; one without events has no body. The day's key is made here if it is the first."""
    name = day.isoformat()
    key = keys.key_for(subject_id, epoch, name[:7], name)
    body = b""
    if packed:
        squeezed = len(packed).to_bytes(4, "big") + _codec.compress(packed, asbytes=True)
        body = cipher.seal(key, squeezed, _bound(subject_id, day, receipt_id, "body"))
    sealed = cipher.seal(key, tally.encode(counts), _bound(subject_id, day, receipt_id, "counts"))
    return Block(subject_id=subject_id, day=day, epoch=epoch, receipt_id=receipt_id, body=body, counts=sealed)


def _open(block: Block, blob: Any, part: str) -> bytes:
    bound = _bound(block.subject_id, block.day, block.receipt_id, part)
    return keys.open_for(block.subject_id, block.day.isoformat()[:7], bytes(blob), bound)


def body(block: Block) -> Body:
    """Return a block's events; raises KeyGone."""
    return _decode(_unpacked(block))


def _unpacked(block: Block) -> bytes:
    opened = _open(block, block.body, "body")
    return _codec.decompress(opened[4:], int.from_bytes(opened[:4], "big"), asbytes=True)


def record(block: Block, number: int) -> bytes:
    """Return the bytes of one event as they lie in a block, opened and unpacked; raises KeyGone."""
    parts = msgspec.msgpack.decode(_unpacked(block), type=list[msgspec.Raw])
    events = parts[Body.__struct_fields__.index("events")]
    return bytes(msgspec.msgpack.decode(events, type=list[msgspec.Raw])[number])


def counts(block: Block) -> DayTally:
    """Return a block's counts; raises KeyGone."""
    return tally.read_day(_open(block, block.counts, "counts"))
