"""The step of a copy that writes its data files, day by day, several days at once."""

from __future__ import annotations

import json
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import date
from functools import partial
from itertools import accumulate
from typing import Any

import pyarrow as pa

from consent import gate
from consent.models import Purpose
from consent.values import Basis, GateState
from portal.events import daybook, reading, restricting, segments
from portal.events.models import Segment
from portal.events.portions import fetched
from portal.events.values import DayTotal
from portal.rights import bundle, colleagues, tables
from portal.rights.bundle import Piece
from portal.rights.models import SubjectRequest
from portal.rights.pack.others import COLUMNS, Others
from portal.rights.values import Cursor, Format, Kind, OpenedBy
from portal.vault import keys, objects

CHUNK_SECONDS = 8.0
CHUNK_EVENTS = 1_000_000
# Files of no more than this together are one object of the archive.
SMALL_BYTES = 32 * 1024 * 1024
# Reading, writing and compressing let go of the interpreter for most of the time.
HANDS = 2
PROVIDED_UNDER = (Basis.CONSENT, Basis.CONTRACT)
# So many events of a long day are held at once by each hand.
PORTION = 200_000
# Says of each day in how many places a colleague's name gave way to their role.
REDUCED = "reduced.jsonl"
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
    if replaced := [files.pop(REDUCED) for files in found if REDUCED in files]:
        bundle.put_packed(request, REDUCED, seq, replaced)
    if request.format == Format.PARQUET:
        bundle.put_shelf(request, seq, {path: piece for files in found for path, piece in files.items()})
    else:
        _put_joined(request, seq, found, whole=not after and len(found) == len(days))
    done = cursor.get("done", 0) + len(found)
    if len(found) == len(days):
        return None
    return {"after": days[len(found) - 1].day.isoformat(), "done": done, "total": done + len(days) - len(found)}


def _put_joined(request: SubjectRequest, seq: int, found: list[Files], *, whole: bool) -> None:
    """Put what the days add to each file as one piece of it; files that are whole with it lie together."""
    pieces: dict[str, list[Piece]] = defaultdict(list)
    for files in found:
        for path, piece in files.items():
            pieces[path].append(piece)
    if whole and sum(piece.length for each in pieces.values() for piece in each) <= SMALL_BYTES:
        files = {path: bundle.together(path, [*_header(path), *each]) for path, each in pieces.items()}
        bundle.put_shelf(request, seq, files)
        return
    for path, each in pieces.items():
        bundle.put_packed(request, path, seq, each)


def _header(path: str) -> list[Piece]:
    """Return what stands before the first event of a file."""
    category = tables.csv_category(path)
    return [bundle.pack(path, tables.csv_header(category), 0)] if category else []


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
    others = colleagues.others_of(request.subject_id)
    keeps_back = kept_back(request)
    as_stored = not keeps_back and request.format == Format.PARQUET and tables.takes_all(**wanted)
    sealed = daybook.whole(request.subject_id) if as_stored else {}
    for day in days:
        if keeps_back:
            read = reading.stored if request.format == Format.PARQUET else reading.table
            usable = restricting.usable(read(request.subject_id, day), keeps_back)
            yield _of_usable(day, usable, others, format=request.format, **wanted)
        elif request.format != Format.PARQUET:
            fetch = fetched(request.subject_id, day, PORTION)
            yield partial(_in_files, day, fetch, others, format=request.format, **wanted)
        elif day in sealed and (stored := _opened(sealed[day])):
            yield partial(_as_stored, day, stored, others, **wanted)
        else:
            yield partial(_part_as_stored, day, reading.stored(request.subject_id, day), others, **wanted)


def _opened(segment: Segment) -> bytes | None:
    """Return a day's file as it was a moment ago; where it was sealed anew since, as it is now."""
    try:
        return segments.parquet(segment)
    except (objects.Missing, keys.KeyGone):
        return reading.sealed(segment.subject_id, segment.day)


def kept_back(request: SubjectRequest) -> GateState | None:
    """Return the gate whose restrictions bind a copy: one that a program fetches, and not the person."""
    state = gate.read(request.subject_id) if request.opened_by == OpenedBy.CLIENT else None
    return state if state and any(each.stands for each in state.restrictions) else None


def _of_usable(day: date, table: pa.Table, others: Others, *, format: str, **wanted: Any) -> Work:
    if format == Format.PARQUET:
        return partial(_part_as_stored, day, table, others, **wanted)
    return partial(_in_files, day, lambda: [table], others, format=format, **wanted)


def _portable() -> frozenset[str]:
    """Return the purposes whose data may be taken elsewhere (Art. 20): on consent or contract."""
    return frozenset(Purpose.objects.filter(basis__in=PROVIDED_UNDER).values_list("key", flat=True))


def _in_files(
    day: date, fetch: Callable[[], Iterable[pa.Table]], others: Others, *, format: str, **wanted: Any
) -> Files:
    """Write a day's part of the file of each category, a portion of a long day at a time."""
    write, written, replaced = tables.WRITERS[format], defaultdict(list), 0
    for portion in fetch():
        table, here = others.reduced(tables.within(portion, **wanted))
        replaced += here
        for category, part in tables.by_category(table, wanted["scope"]).items():
            path = f"data/{category}.{format}"
            written[path].append(bundle.pack(path, write(part), len(part)))
    return _reduced(day, replaced) | {path: bundle.as_one(pieces) for path, pieces in written.items()}


def _reduced(day: date, replaced: int) -> Files:
    if not replaced:
        return {}
    line = json.dumps({"day": day.isoformat(), "replaced": replaced}).encode() + b"\n"
    return {REDUCED: bundle.pack(REDUCED, line, replaced)}


def _as_stored(day: date, stored: bytes, others: Others, **wanted: Any) -> Files:
    if others.named(segments.texts(stored, COLUMNS)):
        return _part_as_stored(day, segments.from_parquet(stored), others, **wanted)
    return {_parquet(day): bundle.whole(_parquet(day), stored, segments.rows_of(stored))}


def _part_as_stored(day: date, table: pa.Table, others: Others, **wanted: Any) -> Files:
    """Write what the copy asks for of a day in the columns in which whole days are stored."""
    part, replaced = others.reduced(tables.of_categories(tables.within(table, **wanted), wanted["scope"]))
    if not len(part):
        return {}
    return {_parquet(day): bundle.whole(_parquet(day), segments.to_parquet(part), len(part))} | _reduced(day, replaced)


def _parquet(day: date) -> str:
    return f"data/{day.isoformat()}.parquet"
