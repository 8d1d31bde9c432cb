"""What the pages of one's own data show, worked out before the template: cells of a month, lines of a day."""

from __future__ import annotations

import calendar
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import Http404, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from consent.values import milliseconds
from portal.events import charts, gap_words, gaps, keeping, lines, meaning, reading, words
from portal.events.called import called
from portal.events.forms import DayFilter
from portal.events.gaps import DayGap
from portal.events.minimising import in_force
from portal.events.openday import OpenDay
from portal.events.timeline import device_gaps, offs
from portal.events.timeline.card import app_name, card
from portal.events.values import DayTotal, Filter
from portal.http import page_number, pager
from portal.people.models import Employee
from portal.register.models import Source

BAR = 28
PAGE = 100
Gaps = Mapping[date, DayGap]
NO_GAP = DayGap("", [])


@dataclass(frozen=True)
class Slice:
    """One category's part of a small bar, as the drawing wants it."""

    token: str
    y: float
    height: float


@dataclass
class Cell:
    """A day in the calendar."""

    day: date
    short: str
    gap: str
    slices: list[Slice]
    label: str
    is_today: bool
    href: str = ""


@dataclass(frozen=True)
class Count:
    """A number, what it counts, and where it opens."""

    name: str
    count: int
    href: str
    token: str = ""


@dataclass(frozen=True)
class Reason:
    """Why something was dropped on arrival, and how much."""

    says: str
    count: int
    categories: list[tuple[str, int]]
    days: list[tuple[date, int]]


def short(count: int) -> str:
    """Return 950, 7.2k, 41k, 1.3M: what fits a cell."""
    for one, unit in ((1_000_000, "M"), (1_000, "k")):
        if count >= one:
            return f"{count / one:.1f}{unit}".replace(".0", "") if count < 10 * one else f"{count // one}{unit}"
    return str(count)


def narrowed(days: Iterable[DayTotal], category: str, source: str) -> list[DayTotal]:
    """Return the same days as if nothing but this category, or this source, had been kept."""
    if source:
        days = [replace(day, events=day.sources.get(source, {}), sources=_one(day.sources, source)) for day in days]
    if category:
        days = [replace(day, events=_one(day.events, category)) for day in days]
    return list(days)


def _one(counts: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {key: counts[key]} if key in counts else {}


def weeks(
    days: Sequence[DayTotal], off: Gaps, owner: Employee, today: date, suffix: str = ""
) -> list[list[Cell | None]]:
    """Return a month's days by weeks from Monday; None where another month's day stands or the day is to come."""
    tallest = max(map(charts.kept, days), default=0) or 1
    cells = {day.day: _cell(day, off.get(day.day, NO_GAP), tallest, today) for day in days if day.day <= today}
    for cell in cells.values():
        cell.label = ", ".join([cell.label, *gap_words.of_day(off.get(cell.day, NO_GAP), cell.day, owner)])
        cell.href = reverse("day", args=[owner.pk, cell.day]) + suffix
    first = days[0].day
    return [
        [cells.get(day) for day in week] for week in calendar.Calendar().monthdatescalendar(first.year, first.month)
    ]


def _cell(day: DayTotal, gap: DayGap, tallest: int, today: date) -> Cell:
    kept, dropped = charts.kept(day), charts.dropped(day)
    said = [date_format(day.day, "l j F"), _("%(kept)s kept") % {"kept": words.events(kept)}]
    said += [_("%(count)s dropped") % {"count": f"{dropped:,}"}] if dropped else []
    return Cell(
        day=day.day,
        short=short(kept) if kept else "",
        gap=gap_words.name(gap.why),
        slices=_slices(day, tallest),
        label=", ".join(said),
        is_today=day.day == today,
    )


def _slices(day: DayTotal, tallest: int) -> list[Slice]:
    slices, top = [], float(BAR)
    for key in charts.categories([day]):
        height = max(round(day.events[key] / tallest * BAR, 2), 0.75) if day.events[key] else 0
        top -= height
        slices.append(Slice(charts.TOKENS[key], round(top, 2), height))
    return slices


def by_category(days: Iterable[DayTotal], href: str) -> list[Count]:
    total: Counter[str] = Counter()
    for day in days:
        total.update(day.events)
    return [
        Count(words.category(key), total[key], f"{href}category={key}", token)
        for key, token in charts.TOKENS.items()
        if total[key]
    ]


def by_source(days: Iterable[DayTotal], titles: Mapping[str, str], href: str) -> list[Count]:
    total: Counter[str] = Counter()
    for day in days:
        total.update({key: sum(counts.values()) for key, counts in day.sources.items()})
    return [Count(titles.get(key, key), count, f"{href}source={key}") for key, count in total.most_common()]


def by_reason(days: Iterable[DayTotal]) -> list[Reason]:
    """Return why something was dropped, most first, of which categories and on which days."""
    found: dict[str, Counter[str]] = {}
    seen: dict[str, Counter[date]] = {}
    for day in days:
        for category, reasons in day.withheld.items():
            for reason, count in reasons.items():
                found.setdefault(reason, Counter())[category] += count
                seen.setdefault(reason, Counter())[day.day] += count
    return [
        Reason(
            says=words.dropped(reason),
            count=counts.total(),
            categories=[(words.category(key), count) for key, count in counts.most_common()],
            days=sorted(seen[reason].items(), reverse=True),
        )
        for reason, counts in sorted(found.items(), key=lambda each: -each[1].total())
    ]


def source_titles() -> dict[str, str]:
    return dict(Source.objects.values_list("key", "title"))


def kept_for(owner: Employee, categories: Collection[str]) -> list[tuple[str, int]]:
    """Return how many days what is collected today is kept: the longest of its purposes, since it stays that long."""
    periods, today = keeping.of(owner), keeping.today(owner)
    ends = {key: periods.ends(key, today) for key in categories}
    return [(words.category(key), (ends[key] - today).days) for key in charts.TOKENS if ends.get(key)]


def month(
    owner: Employee, days: Sequence[DayTotal], known: gaps.Known, today: date, asked: QueryDict
) -> dict[str, Any]:
    """Return what the calendar of a month shows, all of it or one category or source."""
    first, after = days[0].day, days[-1].day + timedelta(days=1)
    titles, here = source_titles(), f"?month={days[0].day:%Y-%m}"
    category, source = asked.get("category", ""), asked.get("source", "")
    shown = narrowed(days, category, source)
    return {
        "first": first,
        "before": first - timedelta(days=1),
        "after": after if after <= today else None,
        "weeks": weeks(
            shown, known.of(day for day in days if day.day <= today), owner, today, _suffix(category, source)
        ),
        "pauses": gap_words.of_days(known, first, days[-1].day),
        "weekdays": [date_format(first + timedelta(days=n - first.weekday()), "D") for n in range(7)],
        "here": here,
        "only": words.category(category) if category else titles.get(source, source),
        "categories": by_category(days, f"{here}&"),
        "sources": by_source(days, titles, f"{here}&"),
        "reasons": by_reason(days),
        "retention": kept_for(owner, charts.categories(days)),
        "kept": sum(map(charts.kept, shown)),
        "dropped": sum(map(charts.dropped, days)),
        "size": words.size(sum(day.bytes for day in days)),
        "still_sending": still_sending(days),
    }


def _suffix(category: str, source: str) -> str:
    wanted = {key: value for key, value in (("category", category), ("source", source)) if value}
    return f"?{urlencode(wanted)}" if wanted else ""


def still_sending(days: Iterable[DayTotal]) -> list[str]:
    """Return the sources that sent although nothing of theirs may be kept: shown to the person alone."""
    keys = {key for day in days for key in day.sending}
    titles = source_titles() if keys else {}
    return sorted(titles.get(key, key) for key in keys)


def day(owner: Employee, total: DayTotal, asked: QueryDict) -> dict[str, Any]:
    """Return what a day shows around its events: figures, filters and the neighbouring days."""
    sources = source_titles()
    here = reverse("day", args=[owner.pk, total.day])
    form = DayFilter(
        asked,
        categories=charts.categories([total]),
        sources={key: sources.get(key, key) for key in total.sources},
    )
    gap = gaps.read(owner).of([total]).get(total.day, NO_GAP)
    return {
        "day": total.day,
        "before": total.day - timedelta(days=1),
        "after": total.day + timedelta(days=1) if total.day < timezone.localdate() else None,
        "form": form,
        "page": page_number(asked),
        "asked": asked,
        "kept": charts.kept(total),
        "dropped": charts.dropped(total),
        "size": words.size(total.bytes),
        "counted": total,
        "gap": gap,
        "categories": by_category([total], f"{here}?"),
        "sources": by_source([total], sources, f"{here}?"),
        "reasons": by_reason([total]),
        "rules": in_force.of_day(total),
        "cut": total.cut,
        "ends": ends(owner, total),
        "still_sending": still_sending([total]),
        "titles": sources,
        "out_of_use": meaning.out_of_use(owner, total.day),
        "span": meaning.whole_day(total.day, owner),
    }


def ends(owner: Employee, total: DayTotal) -> list[tuple[str, date]]:
    """Return when each category of a day is deleted."""
    periods = keeping.of(owner)
    found = {key: periods.ends(key, total.day) for key in charts.categories([total])}
    return [(words.category(key), day) for key, day in found.items() if day]


def events(owner: Employee, shown: Mapping[str, Any], opened: OpenDay) -> dict[str, Any]:
    """Return a page of a day's events, as the filters want them."""
    zone, page = ZoneInfo(owner.time_zone), shown["page"]
    wanted = shown["form"].wanted(shown["day"], zone)
    found = reading.page_of(opened, wanted, (page - 1) * PAGE, PAGE)
    if page > 1 and not found.rows:
        raise Http404
    devices = called(owner.pk, found.collectors)
    return {
        **_timeline(owner, shown, opened),
        "lines": lines.of_page(found, zone, shown["titles"], devices),
        "total": found.total,
        "is_filtered": wanted != Filter(),
        "only_app": ", ".join(map(app_name, sorted(wanted.apps or ()))),
        "meant": meaning.meant(shown["span"], wanted) if wanted != Filter() else "",
        "apps": [(app, meaning.query(shown["span"], app=[app])) for app in found.apps],
        "devices": list(devices.items()),
        "pager": _pager(shown["asked"], page, found.total),
    }


def _timeline(owner: Employee, shown: Mapping[str, Any], opened: OpenDay) -> dict[str, Any]:
    """Return the day from hour to hour, and what kept anything away."""
    now, span = milliseconds(timezone.now()), (shown["span"]["from_ms"], shown["span"]["to_ms"])
    off = offs.of_day(owner, shown["day"], shown["gap"], opened, now)
    return {
        "gaps": gap_words.of_day(offs.with_hours(shown["gap"], off, opened), shown["day"], owner),
        "timeline": card(owner, shown["counted"], opened, span, off, device_gaps.of_day(owner.pk, span, now)),
        "none_joined": not shown["kept"] and device_gaps.none_joined(owner.pk, shown["day"]),
    }


def _pager(asked: QueryDict, page: int, total: int) -> dict[str, str]:
    pages = max(1, -(-total // PAGE))
    text = _("Page %(page)s of %(pages)s") % {"page": f"{page:,}", "pages": f"{pages:,}"}
    return pager(asked, page, more=page < pages, text=text)


def days_since(subject_id: UUID, first: date, last: date) -> list[DayTotal]:
    """Return the days of every month that the span touches."""
    months = sorted({f"{first + timedelta(days=n):%Y-%m}" for n in range((last - first).days + 1)})
    return [day for month in months for day in reading.days(subject_id, month)]


def volume(owner: Employee, days: Sequence[DayTotal], found: charts.Gaps, spans: Iterable[int]) -> dict[str, Any]:
    """Return what the chart's page shows; in its table every figure opens to what it counts."""
    return {
        "chart": charts.volume_chart(days, found, tall=True),
        "spans": [(span, span == len(days)) for span in spans],
        "categories": [(key, words.category(key), charts.TOKENS[key]) for key in charts.categories(days)],
        "rows": [_row(owner, day, charts.categories(days), found.get(day.day, "")) for day in reversed(days)],
        "kept": sum(map(charts.kept, days)),
        "dropped": sum(map(charts.dropped, days)),
    }


def _row(owner: Employee, day: DayTotal, categories: Iterable[str], gap: str) -> dict[str, Any]:
    here = reverse("day", args=[owner.pk, day.day])
    return {
        "day": day.day,
        "href": here,
        "counts": [(day.events.get(key, 0), f"{here}?category={key}") for key in categories],
        "kept": charts.kept(day),
        "dropped": charts.dropped(day),
        "gap": gap_words.reason(gap),
    }
