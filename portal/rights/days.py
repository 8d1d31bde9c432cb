"""The step of a copy that writes its data files, day by day, several days at once."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from functools import partial
from itertools import accumulate
from typing import Any

import pyarrow as pa

from consent.models import Purpose
from consent.values import Basis
from portal.events import reading, segments
from portal.events.values import DayTotal
from portal.rights import bundle, tables
from portal.rights.bundle import Piece
from portal.rights.models import SubjectRequest
from portal.rights.values import Cursor, Format, Kind

CHUNK_SECONDS = 8.0
CHUNK_EVENTS = 1_000_000
# Reading, writing and compressing let go of the interpreter for most of the time.
HANDS = 2
PROVIDED_UNDER = (Basis.CONSENT, Basis.CONTRACT)
Files = dict[str, Piece]
Work = Callable[[], Files]


def write_days(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Write the next days, as many as fit into some seconds."""
    after = cursor.get("after", "")
    days = [day for day in reading.days(request.subject_id) if day.events and day.day.isoformat() > after]
    if not days:
        return None
    seq = days[0].day.toordinal()
    found = _done(request, [each.day for each in _some(days)])
    # A first run that was killed may have taken more days, and files that this one has not.
    bundle.drop_parts(request, from_seq=seq)
    if request.format == Format.PARQUET:
        bundle.put_shelf(request, seq, {path: piece for files in found for path, piece in files.items()})
    else:
        _put_joined(request, seq, found)
    done = cursor.get("done", 0) + len(found)
    if len(found) == len(days):
        return None
    return {"after": days[len(found) - 1].day.isoformat(), "done": done, "total": done + len(days) - len(found)}


def _put_joined(request: SubjectRequest, seq: int, found: list[Files]) -> None:
    """Put what the days add to each file as one piece of it."""
    pieces: dict[str, list[Piece]] = defaultdict(list)
    for files in found:
        for path, piece in files.items():
            pieces[path].append(piece)
    for path, each in pieces.items():
        bundle.put_packed(request, path, seq, each)


def _some(days: list[DayTotal]) -> list[DayTotal]:
    """Return the first days, until there is enough for a piece."""
    counts = accumulate(sum(day.events.values()) for day in days)
    return [day for day, before in zip(days, [0, *counts], strict=False) if before < CHUNK_EVENTS]


def _done(request: SubjectRequest, days: list[date]) -> list[Files]:
    """Return what each of the days adds to the copy; at least one day, and no further once the time is over."""
    ends = time.monotonic() + CHUNK_SECONDS
    found: list[Files] = []
    with ThreadPoolExecutor(HANDS) as pool:
        for files in _ahead(pool, _until(ends, _works(request, days))):
            found.append(files)
    return found


def _until(ends: float, works: Iterator[Work]) -> Iterator[Work]:
    for each in works:
        yield each
        if time.monotonic() > ends:
            break


def _ahead(pool: ThreadPoolExecutor, works: Iterable[Work]) -> Iterator[Files]:
    """Yield results in order while the next few are worked at, and no more than those are held."""
    waiting: deque[Future[Files]] = deque()
    for work in works:
        waiting.append(pool.submit(work))
        if len(waiting) > HANDS:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _works(request: SubjectRequest, days: list[date]) -> Iterator[Work]:
    """Open each day here; what is left to do touches no database."""
    purposes = _portable() if request.kind == Kind.PORTABILITY else None
    wanted = {"scope": request.wanted, "purposes": purposes}
    for day in days:
        if request.format != Format.PARQUET:
            fetch = reading.fetched(request.subject_id, day)
            yield partial(_in_files, fetch, format=request.format, **wanted)
        elif tables.takes_all(**wanted) and (stored := reading.sealed(request.subject_id, day)):
            yield partial(_as_stored, day, stored)
        else:
            yield partial(_part_as_stored, day, reading.stored(request.subject_id, day), **wanted)


def _portable() -> frozenset[str]:
    """Return the purposes whose data may be taken elsewhere (Art. 20): on consent or contract."""
    return frozenset(Purpose.objects.filter(basis__in=PROVIDED_UNDER).values_list("key", flat=True))


def _in_files(fetch: Callable[[], pa.Table], *, format: str, **wanted: Any) -> Files:
    """Write a day's part of the file of each category."""
    table, write, found = tables.within(fetch(), **wanted), tables.WRITERS[format], {}
    for category, part in tables.by_category(table, wanted["scope"]).items():
        path = f"data/{category}.{format}"
        found[path] = bundle.pack(path, write(part), len(part))
    return found


def _as_stored(day: date, stored: bytes) -> Files:
    return {_parquet(day): Piece(segments.rows_of(stored), len(stored), stored)}


def _part_as_stored(day: date, table: pa.Table, **wanted: Any) -> Files:
    """Write what the copy asks for of a day in the columns in which whole days are stored."""
    part = tables.of_categories(tables.within(table, **wanted), wanted["scope"])
    return {_parquet(day): bundle.pack(_parquet(day), segments.to_parquet(part), len(part))} if len(part) else {}


def _parquet(day: date) -> str:
    return f"data/{day.isoformat()}.parquet"
