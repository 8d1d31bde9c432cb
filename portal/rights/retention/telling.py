"""Tells operators and legal that a night was missed or that a deletion fails: how many people, and nobody's name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db.models import Max
from django.utils import timezone

from portal.outbox import actions as outbox
from portal.people.holders import holders
from portal.people.roles import Role
from portal.rights.retention import people
from portal.rights.retention.models import Run

TEMPLATE = "retention_late"


@dataclass(frozen=True)
class Standing:
    """How the deletion of what is over stands for everybody: days and numbers of people."""

    last: date | None
    through: int
    waiting: int
    running: int
    failing: int
    late: int
    renewing: int

    @property
    def is_late(self) -> bool:
        return bool(self.late or self.failing)


def standing() -> Standing:
    runs = Run.objects.all()
    last = runs.aggregate(last=Max("finished_on"))["last"]
    return Standing(
        last=last,
        through=runs.filter(finished_on=last).count() if last else 0,
        waiting=sum(each.count() for each in people.due()),
        running=runs.running().count(),
        failing=runs.failing().count(),
        late=people.late(),
        renewing=runs.awaiting_renewal().count(),
    )


def tell() -> int:
    """Write to operators and legal, once a day for as long as it lasts; return to how many."""
    late, failing = people.late(), Run.objects.failing().count()
    if not late and not failing:
        return 0
    once, facts = f"{TEMPLATE}:{timezone.now().date()}", {"late": late, "failing": failing}
    told = [
        outbox.post(TEMPLATE, to=each, facts=facts, once=f"{once}:{each}")
        for each in holders(Role.OPERATOR, Role.LEGAL)
    ]
    return sum(mail is not None for mail in told)
