"""Joins columns into lines of text for CSV and JSON, column by column instead of event by event. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

Text = Callable[[str], str]
Array = Any  # a pyarrow array of strings; the stubs have no name for it


@dataclass
class Lines:
    """A line for each row, part by part; fixed text between two columns is one part however long it grows."""

    rows: int
    parts: list[Array] = field(default_factory=list)
    fixed: str = ""

    def text(self, text: str) -> None:
        self.fixed += text

    def column(self, values: Array) -> None:
        """Add what differs from row to row; where it is null the row has nothing there."""
        if self.fixed:
            self.parts.append(pa.scalar(self.fixed, pa.large_string()))
            self.fixed = ""
        self.parts.append(values)

    def joined(self) -> bytes | memoryview:
        """Return all lines, one after the other; where they lie so in memory, as they lie."""
        whole = self.array() if self.rows else None
        return _view(whole) if isinstance(whole, pa.LargeStringArray) else bytes_of(whole) if self.rows else b""

    def array(self) -> Any:
        """Return each line as a text of its own."""
        self.column(pa.array([""] * self.rows, pa.large_string()) if not self._has_column() else pa.scalar("", LARGE))
        separator = pa.scalar("", LARGE)
        return pc.binary_join_element_wise(*self.parts, separator, null_handling="replace", null_replacement="")

    def _has_column(self) -> bool:
        return any(isinstance(part, pa.Array | pa.ChunkedArray) for part in self.parts)


LARGE = pa.large_string()
EMPTY = pa.scalar("", LARGE)
# From so many numbers on they are looked up, if all are below so many.
MANY, MOST_WRITTEN = 1 << 12, 1 << 16


def _chunks(array: Array) -> Iterable[Any]:
    return array.chunks if isinstance(array, pa.ChunkedArray) else [array]


def bytes_of(array: Array) -> bytes:
    """Return texts, none of them null, one after the other."""
    return b"".join(_view(chunk) for chunk in _chunks(array))


def _view(array: Any) -> bytes | memoryview:
    """Return the characters of an array without nulls, which lie one after the other."""
    _validity, offsets, data = array.buffers()
    bounds = memoryview(offsets).cast("q")
    return memoryview(data)[bounds[array.offset] : bounds[array.offset + len(array)]] if data else b""


def encoded(column: Any) -> pa.DictionaryArray:
    """Return a column of texts as one array of places in a list of the different ones."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(whole, pa.ChunkedArray):
        whole = whole.unify_dictionaries().combine_chunks()
    return whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()


def only_one(column: pa.DictionaryArray) -> str | None:
    """Return the text that stands in every row, if there is one."""
    if column.null_count or not len(column):
        return None
    if len(column.dictionary) == 1:
        return column.dictionary[0].as_py()
    least, most = pc.min_max(column.indices).values()
    return column.dictionary[least.as_py()].as_py() if least == most else None


def add(lines: Lines, column: Any, before: str, write: Text, *, always: bool) -> None:
    """Add a column: `before` and what `write` makes of the value's text.

    A null has neither, or with `always` the first alone. `write` sees each different text once; of numbers none.
    """
    if column.null_count == len(column):
        lines.text(before if always else "")
        return
    if pa.types.is_string(column.type) or pa.types.is_dictionary(column.type):
        _add_texts(lines, encoded(column), before, write, always=always)
        return
    if column.null_count if always else lines.fixed and not column.null_count:
        lines.text(before)
        before = ""
    lines.column(_numbers(column, before))


def _numbers(column: Any, before: str) -> Any:
    """Return numbers as they are written, each after a text; a null stays one."""
    if len(column) >= MANY and pa.types.is_int64(column.type):
        least, most = (each.as_py() for each in pc.min_max(column).values())
        if least >= 0 and most < MOST_WRITTEN:
            return _written(before, max(MANY, 1 << most.bit_length())).take(column)
    numbers = pc.cast(column, LARGE)
    return pc.binary_join_element_wise(pa.scalar(before, LARGE), numbers, EMPTY) if before else numbers


@lru_cache(64)
def _written(before: str, count: int) -> Any:
    """Return the first numbers as they are written, each after a text: to look many up is faster than to write them."""
    return pc.binary_join_element_wise(pa.scalar(before, LARGE), pc.cast(pa.array(range(count)), LARGE), EMPTY)


def _add_texts(lines: Lines, column: pa.DictionaryArray, before: str, write: Text, *, always: bool) -> None:
    if (only := only_one(column)) is not None:
        lines.text(before + write(only))
        return
    texts = [write(text) for text in column.dictionary.to_pylist()]
    if always:
        lines.text(before)
    else:
        texts = [before + text for text in texts]
    lines.column(pa.array(texts, LARGE).take(column.indices))
