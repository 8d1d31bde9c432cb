"""Writes a ZIP of parts that are compressed already, without holding more than a part. Pure."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

DEFLATED = 8
STORED = 0
# Ends a raw deflate stream that was flushed, not finished: an empty last block.
DEFLATE_END = b"\x03\x00"
UTF8 = 0x800
MOST_32 = 0xFFFFFFFF
MOST_16 = 0xFFFF
ZIP64_VERSION = 45


@dataclass(frozen=True)
class Entry:
    """One file of the archive: what a reader of the ZIP and of the manifest must know of it."""

    path: str
    method: int
    crc: int
    bytes: int
    packed: int
    sha256: str
    records: int
    # Which piece holds the whole file beside others; -1 where it has pieces of its own.
    shelf: int = -1

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


Body = Callable[[Entry], Iterator[bytes]]


def stream(entries: list[Entry], body: Body, at: datetime) -> Iterator[bytes]:
    """Yield the ZIP piece by piece; `body` yields the compressed bytes of an entry."""
    offset, directory = 0, []
    for entry in entries:
        head = _local(entry, at)
        directory.append(_central(entry, at, offset))
        offset += len(head) + entry.packed
        yield head
        yield from body(entry)
    yield from directory
    yield _end(len(entries), sum(map(len, directory)), offset)


def size(entries: list[Entry], at: datetime) -> int:
    """Return how long the stream will be."""
    total, directory = 0, 0
    for entry in entries:
        directory += len(_central(entry, at, total))
        total += len(_local(entry, at)) + entry.packed
    return total + directory + len(_end(len(entries), directory, total))


def _stamp(at: datetime) -> tuple[int, int]:
    return (
        at.hour << 11 | at.minute << 5 | at.second // 2,
        (at.year - 1980) << 9 | at.month << 5 | at.day,
    )


def _extra(*values: int) -> bytes:
    """The ZIP64 field that holds what does not fit into 32 bits."""
    return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values) if values else b""


def _local(entry: Entry, at: datetime) -> bytes:
    large = max(entry.bytes, entry.packed) >= MOST_32
    sizes = (MOST_32, MOST_32) if large else (entry.packed, entry.bytes)
    extra = _extra(entry.bytes, entry.packed) if large else b""
    name = entry.path.encode()
    fields = (ZIP64_VERSION, UTF8, entry.method, *_stamp(at), entry.crc, *sizes, len(name), len(extra))
    return struct.pack("<4s5H3L2H", b"PK\x03\x04", *fields) + name + extra


def _central(entry: Entry, at: datetime, offset: int) -> bytes:
    values = (entry.bytes, entry.packed, offset)
    extra = _extra(*(value for value in values if value >= MOST_32))
    raw, packed, start = (min(value, MOST_32) for value in values)
    name = entry.path.encode()
    made = (ZIP64_VERSION, ZIP64_VERSION, UTF8, entry.method, *_stamp(at), entry.crc, packed, raw)
    rest = (len(name), len(extra), 0, 0, 0, 0, start)
    return struct.pack("<4s6H3L5H2L", b"PK\x01\x02", *made, *rest) + name + extra


def _end(count: int, length: int, offset: int) -> bytes:
    large = max(length, offset) >= MOST_32 or count >= MOST_16
    record = b""
    if large:
        at = offset + length
        record = struct.pack(
            "<4sQ2H2L4Q", b"PK\x06\x06", 44, ZIP64_VERSION, ZIP64_VERSION, 0, 0, count, count, length, offset
        )
        record += struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    few, short, near = min(count, MOST_16), min(length, MOST_32), min(offset, MOST_32)
    return record + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, few, few, short, near, 0)
