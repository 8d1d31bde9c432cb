"""Cuts a day into pages of some thousand events that any browser opens from a disk. Pure but for its template."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from portal.rights.lines import bytes_of
from portal.rights.pack import rows
from portal.rights.tables import plain

FOLDER = "days/"
EVENTS_A_PAGE = 5_000
# A million events are some 200 pages. Nobody reads more of them without a tool: of somebody who has more, the newest
# are pages, and the copy is not kept waiting for the rest, which is in its files like all else.
MOST_EVENTS, NEWEST_EVENTS = 1_000_000, 50_000

LABELS = {"source": _("Collected by"), "collector": _("Installation"), "purposes": _("Kept for")}


@dataclass(frozen=True)
class Page:
    """A finished page: where it lies in the copy, its bytes, and how many events it shows."""

    path: str
    data: bytes
    events: int


@dataclass
class DayPages:
    """The pages of one day; one is kept back until it is known whether another follows."""

    day: date
    zone: str
    left: int
    number: int = 0
    held: list[pa.Table] = field(default_factory=list)
    cut: bool = False

    def take(self, table: pa.Table) -> Iterator[Page]:
        shown = table.slice(0, self.left)
        self.left -= len(shown)
        self.cut = self.cut or len(shown) < len(table)
        whole = _joined([*self.held, shown])
        full = max(0, len(whole) - 1) // EVENTS_A_PAGE * EVENTS_A_PAGE
        self.held = [whole.slice(full)]
        if full:
            yield from self._pages(whole.slice(0, full), follows=True)

    def finish(self) -> Iterator[Page]:
        for table in self.held:
            if len(table):
                yield from self._pages(table, follows=False)

    def _pages(self, table: pa.Table, *, follows: bool) -> Iterator[Page]:
        """Write all the rows at once, which is much faster, and cut them into pages."""
        written = rows.to_rows(table, self.zone)
        about = {
            "common": [(LABELS[each], value) for each, value in rows.common(table).items()],
            "varying": [LABELS[each] for each in rows.varying(table)],
        }
        for start in range(0, len(table), EVENTS_A_PAGE):
            here = written.slice(start, EVENTS_A_PAGE)
            times = rows.clock(table.slice(start, EVENTS_A_PAGE), self.zone)
            yield self._page(bytes_of(here), len(here), about | {"times": times}, follows=follows)

    def _page(self, written: bytes, events: int, about: dict[str, Any], *, follows: bool) -> Page:
        self.number += 1
        shown = about | {
            "style": style(),
            "day": self.day,
            "zone": self.zone,
            "number": self.number,
            "before": name(self.day, self.number - 1) if self.number > 1 else "",
            "after": name(self.day, self.number + 1) if follows else "",
            "events": events,
            "cut": self.cut and not follows,
            "rows": mark_safe(written.decode()),  # noqa: S308  escaped where it is made
        }
        page = render_to_string("rights/copy/day.html", shown).encode()
        return Page(FOLDER + name(self.day, self.number), page, events)


def name(day: date, number: int) -> str:
    return f"{day.isoformat()}-{number:03}.html"


def day_of(path: str) -> tuple[date, int] | None:
    """Return the day and the number of a page by its path; None for any other file."""
    if not path.startswith(FOLDER):
        return None
    stem = path.removeprefix(FOLDER).removesuffix(".html")
    return date.fromisoformat(stem[:10]), int(stem[11:])


def shares(counts: dict[date, int], most: int = MOST_EVENTS) -> dict[date, int]:
    """Return how many events of which day are shown as pages: all, or the newest days that fit, if they are more."""
    found: dict[date, int] = {}
    most = most if sum(counts.values()) <= most else min(most, NEWEST_EVENTS)
    for day in sorted(counts, reverse=True):
        if counts[day] > most:
            # Of a day that alone is too long, its beginning; older days that would fit beside it would leave a gap.
            return found or {day: most}
        found[day] = counts[day]
        most -= counts[day]
    return found


@cache
def style() -> SafeString:
    """Return the stylesheet as an element: a page from a disk must find it within itself."""
    rules = Path(str(finders.find("css/copy.css"))).read_text(encoding="utf-8")
    return format_html("<style>{}</style>", mark_safe(rules))  # noqa: S308  our own file


def _joined(parts: list[pa.Table]) -> pa.Table:
    """Return the rows of all; of a day that is half sealed some come with their texts as such, some with places."""
    if not all(part.schema.equals(parts[0].schema) for part in parts):
        parts = [plain(part) for part in parts]
    return pa.concat_tables(parts, promote_options="permissive").unify_dictionaries()
