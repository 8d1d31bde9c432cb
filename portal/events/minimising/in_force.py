"""Which rules stood at the door of each source on a day of a person, in words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from functools import reduce
from typing import Any
from uuid import UUID

from consent import door
from consent.door import Redaction
from portal.events import reading
from portal.events.values import DayTotal
from portal.register import door_words
from portal.register.models import DoorRules, Source


@dataclass(frozen=True)
class InForce:
    """Rules of a source by which something was taken: `versions`, of which the stricter held, and what they say."""

    source: str
    versions: tuple[int, ...]
    since: datetime | None
    lines: tuple[str, ...]


def in_force(subject_id: UUID, day: date) -> list[InForce]:
    """Return the rules by which this day was taken; nothing of a day on which nothing came."""
    days = reading.days(subject_id, f"{day:%Y-%m}")
    return [rules for each in days if each.day == day for rules in of_day(each)]


def of_day(day: DayTotal) -> list[InForce]:
    """Return the same for a day whose counts were read already."""
    named = [(source, label) for source, labels in sorted(day.rules.items()) for label in labels]
    if not named:
        return []
    titles = dict(Source.objects.values_list("pk", "title"))
    known = {(each.source_id, each.version): each for each in DoorRules.objects.filter(source__in=day.rules)}
    return [_read(source, titles.get(source, source), label, known) for source, label in named]


def _read(source: str, title: str, label: str, known: dict[tuple[str, int], DoorRules]) -> InForce:
    versions = tuple(int(each) for each in label.split("+"))
    rows = [known.get((source, each)) for each in versions]
    rules = [row.rules if row else {} for row in rows]
    redaction = reduce(Redaction.meet, (door.read(each) for each in rules))
    lines = [
        *door_words.apps(_blocked(rules), _allowed(rules)),
        *door_words.lines(redaction, ("app_usage", "web_navigation")),
    ]
    return InForce(title, versions, rows[0].since if rows[0] else None, tuple(lines))


def _blocked(rules: Iterable[dict[str, Any]]) -> list[str]:
    return sorted({app for each in rules for app in each.get("blocked_apps", ())})


def _allowed(rules: Iterable[dict[str, Any]]) -> list[str] | None:
    lists = [set(each["allowed_apps"]) for each in rules if "allowed_apps" in each]
    return sorted(set.intersection(*lists)) if lists else None
