"""What the person reads of it: how long each category is kept and why so long, what goes next, and what went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Min
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from consent.models import Purpose
from consent.values import CATEGORIES
from portal.events import expiring, keeping, reading, words
from portal.events.keeping import Periods
from portal.events.models import Block, Segment
from portal.events.tally import DayTally
from portal.events.values import CONTENT
from portal.people.models import Employee
from portal.register.models import Retention
from portal.rights.holds.models import Hold
from portal.rights.retention import actions, planning
from portal.rights.retention.models import MANY_FAILURES, Month, Run, Shortening

SHOWN = 60


@dataclass(frozen=True)
class Kept:
    """How long a category is kept for one purpose, as the company says and as it is for this person."""

    purpose: str
    days: int | None
    why: str
    shorter: bool
    # Until when the oldest that is here may be used for it.
    until: date | None


@dataclass(frozen=True)
class Card:
    """One category: for which purposes how long, what is the oldest here, when it goes, and what may be chosen."""

    key: str
    name: str
    kept: list[Kept]
    oldest: date | None
    goes: date | None
    chosen: Shortening | None
    before: list[Shortening]
    most: int | None


@dataclass(frozen=True)
class Past:
    """What went in one run."""

    on: date
    at: datetime | None
    went: list[tuple[str, int]]
    days: int
    held: bool
    final: bool

    @property
    def total(self) -> int:
        """Return how many events; a typed character stands in an event that is counted already."""
        typed = words.category(CONTENT)
        return sum(count for name, count in self.went if name != typed)


def page(employee: Employee) -> dict[str, Any]:
    periods, today = keeping.of(employee), keeping.today(employee)
    run = Run.objects.filter(pk=employee.pk).first()
    return {
        "cards": cards(employee, periods, today),
        "run": run,
        "past": past(employee.pk, run),
        "today": today,
        "trouble": trouble(run, today),
        "stays": _stays(employee.pk),
    }


def cards(employee: Employee, periods: Periods, today: date) -> list[Card]:
    oldest = _oldest(employee.pk)
    chosen = list(Shortening.objects.for_subject(employee.pk))
    said = {(each.purpose_key, each.category): each.why for each in Retention.objects.all()}
    titles = dict(Purpose.objects.values_list("key", "title"))
    return [
        _card(category, periods, today, oldest.get(category), chosen, said, titles)
        for category in CATEGORIES
        if category in oldest or periods.purposes(category)
    ]


def _card(
    category: str,
    periods: Periods,
    today: date,
    oldest: date | None,
    chosen: Iterable[Shortening],
    said: dict[tuple[str, str], str],
    titles: dict[str, str],
) -> Card:
    mine = [each for each in chosen if each.category == category]
    return Card(
        key=category,
        name=words.category(category),
        kept=[_kept(each, category, periods, today, oldest, said, titles) for each in periods.purposes(category)],
        oldest=oldest,
        goes=periods.ends(category, oldest) if oldest else None,
        chosen=next((each for each in mine if each.until is None), None),
        before=[each for each in mine if each.until is not None and oldest is not None and each.until > oldest],
        most=actions.most(periods, category, today),
    )


def _kept(
    purpose: str,
    category: str,
    periods: Periods,
    today: date,
    oldest: date | None,
    said: dict[tuple[str, str], str],
    titles: dict[str, str],
) -> Kept:
    company = periods.company(purpose, category, today)
    own = periods.own(category, today)
    shorter = own is not None and (company is None or own < company)
    end = periods.end(purpose, category, oldest) if oldest else None
    until = end if end and end > today else None
    return Kept(titles.get(purpose, purpose), company, said.get((purpose, category), ""), shorter, until)


def _oldest(subject_id: UUID) -> dict[str, date]:
    found: dict[str, date] = {}
    for day, counted in sorted(reading.counted(subject_id).items(), reverse=True):
        found |= dict.fromkeys(expiring.here(counted), date.fromisoformat(day))
    return found


def next_to_go(employee: Employee) -> tuple[date, date] | None:
    """Return the oldest day of which something is here, and when the first of it goes; it reads one month's counts."""
    days = [
        table.objects.filter(subject_id=employee.pk).aggregate(first=Min("day"))["first"] for table in (Segment, Block)
    ]
    first = min(filter(None, days), default=None)
    if first is None:
        return None
    counted = reading.counted(employee.pk, f"{first:%Y-%m}").get(first.isoformat(), DayTally())
    periods = keeping.of(employee)
    ends = [end for category in expiring.here(counted) if (end := periods.ends(category, first))]
    return (first, min(ends)) if ends else None


def past(subject_id: UUID, run: Run | None, most: int = SHOWN) -> list[Past]:
    """Return the newest runs that took something, newest first."""
    found = [_past(each, run) for month in Month.objects.for_subject(subject_id)[:3] for each in reversed(month.runs)]
    return found[:most]


def _past(raw: dict[str, Any], run: Run | None) -> Past:
    went = Counter(raw["went"])
    at = parse_datetime(raw["at"])
    waits = run is not None and run.waiting_since is not None and at is not None and run.finished_on is not None
    return Past(
        on=date.fromisoformat(raw["on"]),
        at=at,
        went=[(words.category(key), went[key]) for key in CATEGORIES if went[key]],
        days=len(raw["days"]),
        held=raw["held"],
        final=not (waits and raw["on"] == run.finished_on.isoformat()) if run and run.finished_on else True,
    )


def trouble(run: Run | None, today: date) -> str:
    """Say in a sentence what is wrong, if anything is."""
    if run is None:
        return ""
    if run.reason and run.failures >= MANY_FAILURES:
        said = _("The last deletion could not be finished: %(reason)s It is tried again by itself, and operators know.")
        return said % {"reason": run.reason}
    missed = (today - run.finished_on).days if run.finished_on else 0
    if missed > 1:
        return ngettext(
            "What is over was last deleted %(days)d day ago. It should happen every night.",
            "What is over was last deleted %(days)d days ago. It should happen every night.",
            missed,
        ) % {"days": missed}
    return ""


def _stays(subject_id: UUID) -> dict[str, bool]:
    """Return why something may stay longer: a legal hold, or what the person had restricted."""
    holds = Hold.objects.for_subject(subject_id).standing().exists()
    every = len(planning.what_stays(subject_id))
    return {"holds": holds, "restricted": every > Hold.objects.for_subject(subject_id).standing().count()}
