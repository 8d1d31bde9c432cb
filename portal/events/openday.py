"""A day opened at one moment, read only as far as is asked: a few columns of all of it, whole rows of a few events."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, reduce
from itertools import accumulate
from typing import Any
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from portal.events import daybook, segments
from portal.events.daybook import Day, steadily
from portal.events.models import Segment
from portal.events.values import UNKNOWN_APP, Filter

# What it takes to choose events: the rest of a row is read for those that are shown.
CHOSEN_BY = ("t", "type", "category", "source", "collector", "app", "in_app")
PLACE = "place"


@dataclass(frozen=True)
class OpenDay:
    """A day's sealed file and the blocks beside it; an event is named by its instant and its rank within it."""

    seen: Day
    data: bytes
    later: pa.Table

    @property
    def segment(self) -> Segment | None:
        return self.seen.segment

    @cached_property
    def file(self) -> pq.ParquetFile | None:
        """Of texts each different one is read once."""
        names = [*segments.TEXTS, "url"]
        return pq.ParquetFile(pa.BufferReader(self.data), read_dictionary=names) if self.data else None

    @cached_property
    def sealed_rows(self) -> int:
        return int(self.file.metadata.num_rows) if self.file else 0

    @cached_property
    def _groups(self) -> list[int]:
        """Where each group of rows begins, and the end of the last."""
        if self.file is None:
            return [0]
        metadata = self.file.metadata
        counts = (metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))
        return list(accumulate(counts, initial=0))

    @cached_property
    def index(self) -> pa.Table:
        """Return what events are chosen by, in order of time, each with the place where its row lies."""
        return self.columns(CHOSEN_BY)

    def columns(self, names: Sequence[str], span: tuple[int, int] | None = None) -> pa.Table:
        """Return some columns and each row's place, in order of time; with a span no less than what lies in it."""
        groups = self._touching(span)
        parts = [self._column_groups(names, groups)] if groups else []
        later = self.later.select(names)
        parts += [later.append_column(PLACE, _from(self.sealed_rows, len(later)))] if len(later) or not parts else []
        if len(parts) == 1:
            return parts[0]
        whole = pa.concat_tables([_encoded(part) for part in parts]).unify_dictionaries().combine_chunks()
        return whole.take(pc.sort_indices(whole, [("t", "ascending")]))

    def _touching(self, span: tuple[int, int] | None) -> range:
        """Return the groups of rows that a span of time touches; rows lie in order of time."""
        count = len(self._groups) - 1
        if span is None or self.file is None:
            return range(count)
        place = segments.SCHEMA.get_field_index("t")
        bounds = [self.file.metadata.row_group(number).column(place).statistics for number in range(count)]
        first = bisect_left(range(count), span[0], key=lambda number: bounds[number].max)
        return range(first, max(first, bisect_left(range(count), span[1], key=lambda number: bounds[number].min)))

    def _column_groups(self, names: Sequence[str], groups: range) -> pa.Table:
        table = self.file.read_row_groups(list(groups), columns=list(names), use_threads=False)  # type: ignore[union-attr]
        table = table.select(names).unify_dictionaries().combine_chunks()
        start = self._groups[groups[0]]
        return table.append_column(PLACE, _from(start, len(table)))

    def rows(self, places: Sequence[int]) -> pa.Table:
        """Return whole rows as they are stored, in the order of their places; only the groups they lie in are read."""
        groups = sorted({self._group_of(place) for place in places if place < self.sealed_rows})
        read = segments.lean(self.data, groups).cast(segments.SCHEMA) if groups else segments.empty()
        # How much further forward a row lies, group by group, since the others were not read.
        moved: dict[int, int] = {len(self._groups) - 1: self.sealed_rows - len(read)}
        reached = 0
        for number in groups:
            moved[number] = self._groups[number] - reached
            reached += self._groups[number + 1] - self._groups[number]
        order = [place - moved[self._group_of(place)] for place in places]
        return pa.concat_tables([read, self.later]).take(pa.array(order, pa.int64()))

    def _group_of(self, place: int) -> int:
        """Return the number of a row's group; of what is not sealed the one after the last."""
        return bisect_left(self._groups, place + 1) - 1

    def position(self, t: int, rank: int = 0) -> int:
        """Return where in the order of time an event stands; where the next later one does if there is none."""
        return self._first(t) + rank

    def between(self, from_ms: int, to_ms: int) -> int:
        """Return how many events lie in a span of time."""
        return max(0, self._first(to_ms) - self._first(from_ms))

    def rank(self, position: int) -> int:
        """Return how many events of the same instant stand before this one."""
        return position - self._first(self._times[position].as_py())

    def _first(self, t: int) -> int:
        return bisect_left(range(len(self._times)), t, key=lambda n: self._times[n].as_py())

    @cached_property
    def _times(self) -> Any:
        return self.index["t"].combine_chunks()

    def chosen(self, wanted: Filter) -> Any:
        """Return the positions, in order of time, of the events that a filter wants."""
        index = self.index
        masks = [pc.is_valid(index["t"])]
        of_texts = ((index["category"], wanted.categories), (index["source"], wanted.sources), (self.apps, wanted.apps))
        masks += [among(column, values) for column, values in of_texts if values is not None]
        if wanted.from_ms is not None:
            masks.append(pc.greater_equal(index["t"], wanted.from_ms))
        if wanted.to_ms is not None:
            masks.append(pc.less(index["t"], wanted.to_ms))
        return pc.indices_nonzero(reduce(pc.and_, masks))

    @cached_property
    def apps(self) -> Any:
        """Return the app that each event belongs to, in order of time."""
        return apps_of(self.index)

    @property
    def different_apps(self) -> tuple[str, ...]:
        return tuple(sorted(pc.unique(self.apps).to_pylist()))

    def different(self, name: str) -> tuple[str, ...]:
        return tuple(sorted(filter(None, pc.unique(self.index[name]).to_pylist())))


def among(column: Any, values: Collection[str]) -> Any:
    """Return which of the texts are among these; of a dictionary each different one is asked once."""
    wanted = pa.array(sorted(values), pa.string())
    if not pa.types.is_dictionary(column.type):
        return pc.is_in(column, value_set=wanted)
    one = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return pc.is_in(one.dictionary, value_set=wanted).take(one.indices)


def _from(start: int, count: int) -> Any:
    """Return whole numbers, one after the other."""
    return pc.add(pc.cumulative_sum(pa.repeat(pa.scalar(1, pa.int64()), count)), start - 1)


def _text(column: Any) -> Any:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def apps_of(table: pa.Table) -> Any:
    """Return what `matching.apps` does, as a dictionary: of a million events no million texts are made."""
    own, front = (_encoded(table.select([name]))[name].combine_chunks() for name in ("app", "in_app"))
    each = pa.concat_arrays([own.dictionary, front.dictionary, pa.array([UNKNOWN_APP])]).dictionary_encode()
    further = pc.add(front.indices, len(own.dictionary))
    chosen = pc.coalesce(own.indices, further, pa.scalar(len(each) - 1, pa.int32()))
    return pa.DictionaryArray.from_arrays(each.indices.take(chosen), each.dictionary)


def _encoded(table: pa.Table) -> pa.Table:
    """Return the same with each different text once."""
    columns = {name: table[name] for name in table.column_names}
    return pa.table({name: pc.dictionary_encode(each) if _is_text(each) else each for name, each in columns.items()})


def _is_text(column: Any) -> bool:
    return pa.types.is_string(column.type)


def plain(table: pa.Table) -> pa.Table:
    """Return the same with texts written out, so that two of them can be joined."""
    return pa.table({name: _text(table[name]) for name in table.column_names})


def open_day(subject_id: UUID, day: date) -> OpenDay:
    return steadily(lambda: _opened(daybook.look(subject_id, day)))


def _opened(seen: Day) -> OpenDay:
    later = segments.joined(daybook.tables(None, seen.blocks))
    return OpenDay(seen, segments.parquet(seen.segment) if seen.segment else b"", later)
