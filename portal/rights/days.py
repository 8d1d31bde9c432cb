"""The step of a copy that writes its data files, day by day, several days at once."""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from functools import partial
from typing import Any

import pyarrow as pa

from consent import gate
from consent.models import Purpose
from consent.values import Basis, GateState, Scope
from portal.events import daybook, reading, restricting, segments
from portal.events.models import Segment
from portal.rights import bundle, tables
from portal.rights.bundle import Piece
from portal.rights.models import SubjectRequest
from portal.rights.pack.others import COLUMNS, Others
from portal.rights.pieces import REDUCED, Pieces
from portal.rights.turn import Turn
from portal.rights.values import Cursor, Format, Kind, OpenedBy
from portal.vault import keys, objects

CHUNK_SECONDS = 8.0
# Reading, writing and compressing let go of the interpreter for most of the time.
HANDS = 2
SWITCH_SECONDS = 0.0005
PROVIDED_UNDER = (Basis.CONSENT, Basis.CONTRACT)
# So many events are written where they are read.
FEW = 10_000
# So many events of a long day are held at once by each hand.
PORTION = 200_000
# So much of a day is kept as it was until it is counted; the rest of a long one is unpacked for it.
UNPACKED_BYTES = 32 * 1024 * 1024
Files = dict[str, list[Piece]]
Work = Callable[[], Files]


def write_days(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Write the next days, as many as fit into some seconds; at least one."""
    after = cursor.get("after", "")
    left = [day for day in reading.days(request.subject_id) if day.events and day.day.isoformat() > after]
    days = [each.day for each in left]
    if not days:
        return None
    # A first run that was killed may have taken more days, and files that this one has not.
    bundle.drop_parts(request, from_seq=days[0].toordinal())
    bundle.forget_index(request)
    taken = _write(request, days, after, few=sum(sum(each.events.values()) for each in left) <= FEW)
    done = cursor.get("done", 0) + taken
    if taken == len(days):
        return None
    return {"after": days[taken - 1].isoformat(), "done": done, "total": done + len(days) - taken}


def _write(request: SubjectRequest, days: list[date], after: str, *, few: bool) -> int:
    """Write the first of the days; return how many. To hand `few` events over takes longer than to write them."""
    ends, taken = time.monotonic() + CHUNK_SECONDS, 0
    with _quick_turns(), ThreadPoolExecutor(HANDS) as pool, ThreadPoolExecutor(1) as counting:
        pieces = Pieces(request, counting, after)
        works = _until(ends, _works(request, days))
        for files in (work() for work in works) if few else _ahead(pool, works):
            pieces.add(days[taken], files)
            taken += 1
        if taken == len(days):
            pieces.end()
        else:
            pieces.stop(days[taken - 1])
    return taken


@contextmanager
def _quick_turns() -> Iterator[None]:
    """Have threads wait less for the interpreter when they come back from what they do without it."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


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
    turn = Turn.of(request)
    keeps_back = kept_back(request)
    as_stored = not keeps_back and request.format == Format.PARQUET and tables.takes_all(request.wanted, None)
    sealed = daybook.whole(request.subject_id) if as_stored else {}
    for day in days:
        if keeps_back:
            read = reading.stored if request.format == Format.PARQUET else reading.table
            usable = restricting.usable(read(request.subject_id, day), keeps_back)
            yield _of_usable(day, usable, turn.others, format=request.format, **wanted)
        elif request.format != Format.PARQUET:
            fetch = turn.events_of(day, PORTION)
            yield partial(_in_files, day, fetch, turn.others, format=request.format, **wanted)
        elif day in sealed and (stored := _opened(sealed[day])):
            yield partial(_as_stored, day, stored, turn.others, **wanted)
        else:
            yield partial(_part_as_stored, day, reading.stored(request.subject_id, day), turn.others, **wanted)


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
    write, written, replaced, length = tables.WRITERS[format], defaultdict(list), 0, 0
    for portion in fetch():
        table, here = others.reduced(tables.within(portion, **wanted))
        replaced += here
        for category, part in tables.by_category(table, wanted["scope"]).items():
            path = f"data/{category}.{format}"
            piece = bundle.pack(path, write(part), len(part))
            length += piece.length
            written[path].append(piece if length <= UNPACKED_BYTES else replace(piece, data=None))
    return _reduced(day, replaced) | written


def _reduced(day: date, replaced: int) -> Files:
    if not replaced:
        return {}
    line = json.dumps({"day": day.isoformat(), "replaced": replaced}).encode() + b"\n"
    return {REDUCED: [bundle.pack(REDUCED, line, replaced)]}


def _as_stored(day: date, stored: bytes, others: Others, *, scope: Scope, purposes: frozenset[str] | None) -> Files:
    """Hand a day on to the byte, where nothing in it must be left out or replaced."""
    events, texts = segments.outline(stored, COLUMNS if purposes is None else (*COLUMNS, *tables.BOUND))
    named = others.named(text for name in COLUMNS for text in texts[name] if text)
    if named or (purposes is not None and not tables.keeps_all(texts, purposes)):
        return _part_as_stored(day, segments.from_parquet(stored), others, scope=scope, purposes=purposes)
    return {_parquet(day): [bundle.whole(_parquet(day), stored, events)]}


def _part_as_stored(day: date, table: pa.Table, others: Others, **wanted: Any) -> Files:
    """Write what the copy asks for of a day in the columns in which whole days are stored."""
    part, replaced = others.reduced(tables.of_categories(tables.within(table, **wanted), wanted["scope"]))
    if not len(part):
        return {}
    file = bundle.whole(_parquet(day), segments.to_parquet(part), len(part))
    return {_parquet(day): [file]} | _reduced(day, replaced)


def _parquet(day: date) -> str:
    return f"data/{day.isoformat()}.parquet"
