"""What a night's run has to do for one person, written down before anything of it is done."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from consent.values import CATEGORIES, Scope, milliseconds
from portal.events import expiring, keeping
from portal.events.expiring import Due, Over
from portal.events.keeping import Pair, Periods
from portal.people.models import Employee
from portal.rights import holding
from portal.rights.holds.models import Hold

Done = dict[Pair, date]


@dataclass(frozen=True)
class Plan:
    """What is due on a day, what of it has to stay, and up to which day each category is gone through by it."""

    on: date
    due: Due
    held: tuple[Scope, ...] = ()
    done: Done = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        days = [
            [over.day.isoformat(), {key: sorted(each) for key, each in over.purposes.items()}, over.whole]
            for over in self.due.days
        ]
        return {
            "on": self.on.isoformat(),
            "days": days,
            "before": self.due.before,
            "held": [each.to_json() for each in self.held],
            "done": done_to_json(self.done),
        }

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> Plan:
        days = tuple(
            Over(date.fromisoformat(day), {key: frozenset(each) for key, each in purposes.items()}, whole)
            for day, purposes, whole in raw["days"]
        )
        held = tuple(map(Scope.from_json, raw["held"]))
        return cls(date.fromisoformat(raw["on"]), Due(days, raw["before"]), held, done_from_json(raw["done"]))

    def holding(self, held: tuple[Scope, ...]) -> Plan:
        """Return the same with what has to stay since."""
        return replace(self, held=held, done={})


def done_to_json(done: Done) -> list[list[str]]:
    return [[purpose, category, day.isoformat()] for (purpose, category), day in sorted(done.items())]


def done_from_json(raw: list[list[str]]) -> Done:
    return {(purpose, category): date.fromisoformat(day) for purpose, category, day in raw}


def make(employee: Employee, periods: Periods, done: Done) -> Plan:
    """Find what is due where the person is now."""
    today, held = keeping.today(employee), what_stays(employee.pk)
    due = expiring.due(employee.pk, periods, today, done, held)
    # What has to stay is looked at again every night, since nobody knows which one it may go in.
    reached = {} if held else cutoffs(periods, today)
    return Plan(today, due, held, reached)


def what_stays(subject_id: UUID) -> tuple[Scope, ...]:
    """Return what may not be deleted now: what a legal hold keeps, and what the person had restricted (Art. 18)."""
    holds = [each.wanted for each in Hold.objects.for_subject(subject_id).standing()]
    return (*holds, *(each.scope for each in holding.only_stored(subject_id)))


def cutoffs(periods: Periods, today: date) -> Done:
    """Return for each purpose and category the newest day that is over."""
    pairs = [(purpose, category) for category in CATEGORIES for purpose in periods.purposes(category)]
    found = {(purpose, category): periods.cutoff(purpose, category, today) for purpose, category in pairs}
    return {pair: day for pair, day in found.items() if day is not None}


def fences(employee: Employee, periods: Periods, plan: Plan) -> list[Scope]:
    """Return what is not taken in again: everything older than it may be kept, by purpose and category."""
    alike: dict[tuple[str, date], set[str]] = defaultdict(set)
    for (purpose, category), day in cutoffs(periods, plan.on).items():
        alike[purpose, day].add(category)
    return [
        Scope(
            categories=frozenset(categories),
            to_ms=_midnight(day + timedelta(days=1), employee),
            purposes=frozenset({purpose}),
            without=plan.held,
        )
        for (purpose, day), categories in sorted(alike.items())
    ]


def _midnight(day: date, employee: Employee) -> int:
    return milliseconds(datetime.combine(day, time(), ZoneInfo(employee.time_zone)))
