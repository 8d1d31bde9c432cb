"""Reads a day a portion at a time, so that a day of any length is read in bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc

from portal.events import daybook, segments
from portal.events.daybook import steadily


def portions(subject_id: UUID, day: date, rows: int) -> Iterator[pa.Table]:
    """Yield a day's events in order of time, about so many at once, with the columns of `reading.table`.

    What is sealed is opened whole and read group by group; what is not yet sealed is held, a night's worth at most.
    """
    return fetched(subject_id, day, rows)()


def fetched(subject_id: UUID, day: date, rows: int) -> Callable[[], Iterator[pa.Table]]:
    """Open a day here, and return what yields the same, which any thread may call."""
    sealed, later = steadily(lambda: _seen(subject_id, day))
    return lambda: map(segments.outward, _in_order(sealed, later, rows))


def _seen(subject_id: UUID, day: date) -> tuple[bytes, pa.Table]:
    """Return one moment's segment, not yet read, and the blocks beside it."""
    seen = daybook.look(subject_id, day)
    later = segments.joined(daybook.tables(None, seen.blocks)) if seen.blocks else segments.empty()
    return segments.parquet(seen.segment) if seen.segment else b"", later


def _in_order(sealed: bytes, later: pa.Table, rows: int) -> Iterator[pa.Table]:
    for table in _read(sealed, rows):
        upto = pc.sum(pc.less_equal(later["t"], table["t"][-1])).as_py() or 0
        yield segments.joined([table.cast(segments.SCHEMA), later.slice(0, upto)]) if upto else table
        later = later.slice(upto)
    for start in range(0, len(later), rows):
        yield later.slice(start, rows)


def _read(sealed: bytes, rows: int) -> Iterator[pa.Table]:
    if not sealed:
        return
    groups, each = segments.groups_of(sealed), max(1, rows // segments.ROWS_A_GROUP)
    for start in range(0, groups, each):
        yield segments.lean(sealed, range(start, min(groups, start + each)))
