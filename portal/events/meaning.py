"""What of a day can be deleted or disputed from its page, and what of it is out of use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from portal.events import gaps, reading, restricting
from portal.events.forms import Filter
from portal.people.models import Employee

MOST_OPENED = 200_000


@dataclass(frozen=True)
class OutOfUse:
    """A restriction that holds for something of a day; `request` is what it follows from, if the person asked."""

    since: datetime | None
    until: datetime | None
    disputed: bool
    request: str


def out_of_use(owner: Employee, day: date) -> list[OutOfUse]:
    zone, span = ZoneInfo(owner.time_zone), gaps.span_of(day, owner)
    held = restricting.touching(restricting.standing(owner.pk), span)
    return [
        OutOfUse(
            since=_inside(each.scope.from_ms, span, zone),
            until=_inside(each.scope.to_ms, span, zone),
            disputed=each.ground == "accuracy_contested",
            request=each.key.rpartition(":")[2],
        )
        for each in held
    ]


def _inside(ms: int | None, span: tuple[int, int], zone: ZoneInfo) -> datetime | None:
    """Return a moment only where it lies within the day."""
    within = ms is not None and span[0] < ms < span[1]
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone) if within and ms is not None else None


def whole_day(day: date, owner: Employee) -> dict[str, int]:
    start, end = gaps.span_of(day, owner)
    return {"from_ms": start, "to_ms": end}


def query(span: Mapping[str, int], **named: Iterable[str]) -> str:
    """Return a scope as the address of the page that deletes it takes it."""
    pairs = [(name, each) for name, several in named.items() for each in several]
    return urlencode([*pairs, *span.items()])


def meant(span: Mapping[str, int], wanted: Filter) -> str:
    """Return what the filters show, so that just this can be deleted."""
    narrowed = {
        "from_ms": wanted.from_ms if wanted.from_ms is not None else span["from_ms"],
        "to_ms": wanted.to_ms if wanted.to_ms is not None else span["to_ms"],
    }
    chosen = {"category": wanted.categories, "source": wanted.sources, "app": wanted.apps}
    return query(narrowed, **{name: sorted(values or ()) for name, values in chosen.items()})


def recent_apps(subject_id: UUID) -> list[str]:
    """Return the apps of the newest days, as many days as can be opened quickly."""
    found: set[str] = set()
    seen = 0
    for total in sorted(reading.days(subject_id), key=lambda each: each.day, reverse=True):
        count = sum(total.events.values())
        if seen and seen + count > MOST_OPENED:
            break
        if count:
            seen += count
            found |= set(reading.page(subject_id, total.day, limit=0).apps)
    return sorted(found)
