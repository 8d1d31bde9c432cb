"""The page to open first in a copy: everything in words, charts drawn from the data, and a way to every file."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from html import escape
from itertools import groupby

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from portal.events import words
from portal.register.models import Controller
from portal.rights.archive import Entry
from portal.rights.art15 import Row, Section
from portal.rights.models import SubjectRequest
from portal.rights.pack import bars, days, drawing, labels
from portal.rights.pack.bars import Chart
from portal.rights.pack.drawing import Drawn, Shown, cells, lines, link, numbers, table
from portal.rights.pieces import REDUCED
from portal.rights.sections import Known


@dataclass(frozen=True)
class Month:
    """The pages of a month: each day with its count and the links to its pages."""

    title: str
    events: int
    days: list[tuple[date, int, list[tuple[int, str]]]]


@dataclass(frozen=True)
class Facts:
    """What the page says that stands in files as well: found with them, so that both say the same."""

    told: list[Section]
    decisions: list[Row]
    looks: list[Row]
    days: list[Row]

    @classmethod
    def of(cls, known: Known) -> Facts:
        return cls(known.told, known.lists["decisions"], known.lists["access_log"], known.lists["daily_totals"])

    def to_bytes(self) -> bytes:
        return json.dumps(vars(self) | {"told": [vars(each) for each in self.told]}, ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Facts:
        found = json.loads(data)
        return cls(**found | {"told": [Section(**each) for each in found["told"]]})


NOTHING = Facts([], [], [], [])


def page(request: SubjectRequest, entries: list[Entry], facts: Facts | None) -> bytes:
    """Return a page that needs nothing but itself: no script, no image, no address outside the archive.

    What goes to another service says nothing of how somebody answered, or who looked: it has no facts.
    """
    whole, facts, by_entry = facts is not None, facts or NOTHING, _receipts(entries)
    decided, looked = _with_receipts(facts.decisions, by_entry), _with_receipts(facts.looks, by_entry)
    told, months = facts.told, _months(entries)
    context = {
        "request": request,
        "whole": whole,
        "style": days.style(),
        "files": _files(entry for entry in entries if not (days.day_of(entry.path) or _index_of(entry.path))),
        "receipts": sum(1 for entry in entries if _index_of(entry.path)),
        "events": _events(entries),
        "paged": sum(month.events for month in months),
        "months": months,
        "charts": drawing.charts(_charts(facts.days)),
        "law": _law(json.dumps([vars(each) for each in told if each.item != "-"]), get_language()),
        "beside": Drawn.of([_shown(each) for each in told if each.item == "-" and each.key != "notices"]),
        "notices": next((each.rows for each in told if each.key == "notices"), []),
        "decisions": _decisions(decided),
        "looks": _looks(looked),
        "deletions": sorted(by_entry.items()),
        "connected": [entry for entry in entries if entry.path.startswith("connected/")],
        "reduced": next((entry.records for entry in entries if entry.path == REDUCED), 0),
        "report_at": f"{settings.ORIGIN}/requests/",
        "controller": _controller(told),
        "names_staff": settings.NAME_STAFF_IN_COPIES,
    }
    return render_to_string("rights/copy/index.html", context).encode()


def _controller(told: list[Section]) -> Row | Controller | None:
    """Return who answers for it, as the section says that there is of it."""
    said = next((each.rows for each in told if each.key == "controller"), None)
    return Controller.objects.first() if said is None else next(iter(said), None)


def _events(entries: Sequence[Entry]) -> int:
    return sum(entry.records for entry in entries if entry.path.startswith("data/"))


@lru_cache(8)
def _law(told: str, language: str) -> Drawn:
    """Draw what is the same for everybody, as the register has it: where it says the same, it is drawn once."""
    return Drawn.of([_shown(Section(**each)) for each in json.loads(told)])


def _shown(section: Section) -> Shown:
    heads = list(dict.fromkeys(name for row in section.rows for name in row))
    rows = [[labels.value(row.get(name, "")) for name in heads] for row in section.rows]
    # A column that nothing stands in says nothing.
    full = [place for place in range(len(heads)) if any(row[place] for row in rows)]
    kept = [[row[place] for place in full] for row in rows]
    return Shown(
        section.item[-1:] if section.item.startswith("1") else section.item,
        section.key,
        section.title,
        section.says,
        [labels.head(heads[place]) for place in full],
        kept,
    )


# --- tables


def _files(entries: Iterable[Entry]) -> SafeString:
    rows = (
        cells([link(each.path)]) + numbers([each.records, each.bytes]) + cells([f"<code>{each.sha256}</code>"])
        for each in entries
    )
    return table("files", (_("File"), _("Records"), _("Bytes"), "SHA-256"), rows)


def _decisions(decided: list[Row]) -> SafeString | str:
    heads = (_("When"), _("Purpose"), _("Decision"), _("Notice"), _("Receipt"))
    rows = (
        cells([each["at"][:19], *map(lines, (each["purpose"], each["kind"])), each["notice_version"], _proofs(each)])
        for each in decided
    )
    return table("decisions", heads, rows) if decided else ""


def _looks(looked: list[Row]) -> SafeString | str:
    named = {"name": _("Name")} if settings.NAME_STAFF_IN_COPIES else {}
    heads = {"what": _("What"), "by": _("Who"), **named, "purpose": _("Purpose")}
    rows = (
        cells(
            [
                each["at"][:19],
                *(lines(each[name]) for name in heads),
                _proofs(each) if each["ledger_index"] != "" else "",
            ]
        )
        for each in looked
    )
    return table("looks", (_("When"), *heads.values(), _("Receipt")), rows) if looked else ""


def _proofs(row: Row) -> str:
    """Link to the receipts of an entry, and say so where it has no proof yet."""
    says = {path: "JSON-LD" if path.endswith("jsonld") else _("proof") for path in row["files"]}
    linked = "".join(f"{link(path, said)} " for path, said in says.items())
    return linked if _("proof") in says.values() else linked + escape(_("pending"))


# --- the pages of the days


def _months(entries: Sequence[Entry]) -> list[Month]:
    found = [(*at, entry) for entry in entries if (at := days.day_of(entry.path))]
    found.sort(key=lambda each: (-each[0].toordinal(), each[1]))
    months = []
    for first, here in groupby(found, key=lambda each: each[0].replace(day=1)):
        listed = [_day(day, list(pages)) for day, pages in groupby(here, key=lambda each: each[0])]
        months.append(Month(date_format(first, "F Y"), sum(count for _day_of, count, _pages in listed), listed))
    return months


def _day(day: date, pages: list[tuple[date, int, Entry]]) -> tuple[date, int, list[tuple[int, str]]]:
    return day, sum(entry.records for *_at, entry in pages), [(number, entry.path) for _at, number, entry in pages]


# --- charts


def _charts(found: list[Row]) -> list[Chart]:
    return [chart for chart in (_by_day(found), _by_category(found), _dropped(found)) if chart.bars]


def _by_day(found: list[Row]) -> Chart:
    rows = bars.grouped((each["day"], sum(each["kept"].values())) for each in found if each["kept"])
    drawn, most = bars.standing(rows)
    says = _("%(events)s events are kept, of %(days)d days; the most of one bar are %(most)s.") % {
        "events": f"{sum(value for _label, value in rows):,}",
        "days": sum(1 for each in found if each["kept"]),
        "most": f"{most:,}",
    }
    head = _("Month") if rows and len(rows[0][0]) == 7 else _("Day")
    return Chart("by-day", _("What is kept, by day"), says, (head, _("Events")), drawn, most)


def _by_category(found: list[Row]) -> Chart:
    counted: Counter[str] = Counter()
    for each in found:
        counted.update(each["kept"])
    rows = [(words.category(key), counted[key]) for key in words.CATEGORIES if counted[key]]
    drawn, most = bars.lying(rows)
    largest = max(rows, key=lambda row: row[1])[0] if rows else ""
    says = _("Most of it is of the kind “%(kind)s”.") % {"kind": largest}
    return Chart(
        "by-kind",
        _("What is kept, by kind"),
        says,
        (_("Kind"), _("Events")),
        drawn,
        most,
        lying=True,
    )


def _dropped(found: list[Row]) -> Chart:
    counted: Counter[str] = Counter()
    for each in found:
        counted.update({category: sum(reasons.values()) for category, reasons in each["dropped"].items()})
    rows = [(words.category(key), count) for key, count in sorted(counted.items()) if count]
    drawn, most = bars.lying(rows)
    says = _("%(events)s events were sent by your devices and dropped on arrival.") % {
        "events": f"{sum(counted.values()):,}"
    }
    heads = (_("Kind"), _("Events"))
    return Chart("dropped", _("What was dropped"), says, heads, drawn, most, lying=True)


# --- receipts


def _index_of(path: str) -> str:
    """Return the entry of the log whose receipt this file is; nothing of any other file."""
    folder, _slash, name = path.rpartition("/")
    index = name.partition(".")[0]
    return index if folder == "receipts" and index.isdecimal() else ""


def _receipts(entries: list[Entry]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for entry in entries:
        if index := _index_of(entry.path):
            found.setdefault(index, []).append(entry.path)
    return found


def _with_receipts(rows: list[Row], by_entry: dict[str, list[str]]) -> list[Row]:
    """Hand each row the files of its entry; what is left over belongs to no row of these."""
    return [row | {"files": by_entry.pop(str(row["ledger_index"]), [])} for row in rows]
