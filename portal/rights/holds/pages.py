"""What the pages of holds show, worked out before the template."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import QueryDict

from portal.people.models import Employee
from portal.rights.holds.models import Hold
from portal.rights.pages import page_of, scope_words


@dataclass(frozen=True)
class Row:
    """A hold in a list."""

    hold: Hold
    scope: str
    person: Employee | None
    placed_by: Employee | None
    confirmed_by: Employee | None


def _rows(holds: Iterable[Hold]) -> list[Row]:
    holds = list(holds)
    named = {who for each in holds for who in (each.subject_id, each.placed_by, each.confirmed_by) if who}
    people = Employee.objects.in_bulk(named)
    return [
        Row(
            hold=each,
            scope=scope_words(each.wanted, {}),
            person=people.get(each.subject_id),
            placed_by=people.get(each.placed_by),
            confirmed_by=people.get(each.confirmed_by) if each.confirmed_by else None,
        )
        for each in holds
    ]


def visible(line: set[UUID], reader: Employee) -> QuerySet[Hold]:
    """Return the holds on others, without those on one's own line."""
    return Hold.objects.exclude(subject_id__in=line | {reader.pk})


def listed(line: set[UUID], reader: Employee, asked: QueryDict) -> dict[str, Any]:
    found = visible(line, reader)
    ended = asked.get("ended") == "1"
    standing = Hold.objects.standing().values("pk")
    found = found.exclude(pk__in=standing) if ended else found.filter(pk__in=standing)
    if matter := asked.get("matter", ""):
        found = found.filter(matter=matter)
    holds, pager = page_of(found.order_by("until"), asked)
    return {"rows": _rows(holds), "pager": pager, "ended": ended, "matter": matter}


def one(hold: Hold, reader: Employee) -> dict[str, Any]:
    [row] = _rows([hold])
    return {"row": row, "hold": hold, "own": hold.placed_by == reader.pk}


def mine(person: Employee) -> dict[str, Any]:
    """Return what stands on one's own data, and what did: who placed it is said by role, as everywhere."""
    return {"rows": _rows(Hold.objects.for_subject(person.pk))}
