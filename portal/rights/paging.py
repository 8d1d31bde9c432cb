"""The step of a copy that writes its days as pages: so that whoever has no tool but a browser reads every event."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from portal.events import restricting
from portal.rights import bundle, tables
from portal.rights.bundle import Piece
from portal.rights.days import kept_back
from portal.rights.models import SubjectRequest
from portal.rights.pack import days
from portal.rights.pack.days import DayPages, Page
from portal.rights.pack.others import Others
from portal.rights.tables import CONTENT
from portal.rights.turn import Turn
from portal.rights.values import Cursor

CHUNK_SECONDS = 8.0
# Where the pages' shelves stand, behind those of the data; each holds so many pages.
SHELVES, PAGES_A_SHELF = 2_000_000, 20
# So many events are held at once, however long a day is.
PORTION = 100_000


def write_pages(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Write the pages of the next days, as many as fit into some seconds."""
    shown = days.shares(counts(request))
    left = [day for day in sorted(shown) if day.isoformat() > cursor.get("after", "")]
    if not left:
        return None
    turn, seq = Turn.of(request), cursor.get("shelf", SHELVES)
    zone = turn.person.time_zone if turn.person else "UTC"
    # A first run that was killed may have written more shelves than this one.
    bundle.drop_parts(request, from_seq=seq)
    ends, taken, pages = time.monotonic() + CHUNK_SECONDS, 0, _Shelves(request, seq)
    for day in left:
        pages.add(_pages(request, DayPages(day, zone, shown[day]), turn.others))
        taken += 1
        if time.monotonic() > ends:
            break
    pages.put()
    if taken == len(left):
        return None
    done = cursor.get("done", 0) + taken
    after = left[taken - 1].isoformat()
    return {"after": after, "shelf": pages.seq, "done": done, "total": done + len(left) - taken}


@dataclass
class _Shelves:
    """Puts pages into the archive some at a time: each alone would cost a file of its own."""

    request: SubjectRequest
    seq: int
    held: dict[str, Piece] = field(default_factory=dict)

    def add(self, pages: Iterable[Page]) -> None:
        for page in pages:
            self.held[page.path] = bundle.whole(page.path, page.data, page.events)
            if len(self.held) == PAGES_A_SHELF:
                self.put()

    def put(self) -> None:
        if self.held:
            bundle.put_shelf(self.request, self.seq, self.held)
            self.seq, self.held = self.seq + 1, {}


def counts(request: SubjectRequest) -> dict[date, int]:
    """Return how many events each day has that may be asked for; a narrower copy shows fewer."""
    wanted = request.wanted.categories
    return {
        each.day: n
        for each in Turn.of(request).totals
        if (n := sum(count for category, count in each.events.items() if wanted is None or _holds(category, wanted)))
    }


def _holds(category: str, wanted: frozenset[str]) -> bool:
    """Typed characters are counted with their keys."""
    return category in wanted or (category == "keystroke_timing" and CONTENT in wanted)


def _pages(request: SubjectRequest, pages: DayPages, others: Others) -> Iterator[Page]:
    for table in Turn.of(request).events_of(pages.day, PORTION)():
        yield from pages.take(others.reduced(_asked(request, table))[0])
        if pages.cut:
            break
    yield from pages.finish()


def _asked(request: SubjectRequest, table: pa.Table) -> pa.Table:
    held = kept_back(request)
    asked = tables.within(restricting.usable(tables.plain(table), held) if held else table, request.wanted)
    if request.wanted.categories is None:
        return asked
    # As the files have it: a typed character may stand without its key, or a key without its character.
    asked = tables.plain(asked)
    parts = tables.by_category(asked, request.wanted).values()
    whole = pa.concat_tables([asked.slice(0, 0), *parts], promote_options="default")
    return whole.take(pc.sort_indices(whole, [("t", "ascending")]))
