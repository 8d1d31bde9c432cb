"""Choosing a shorter period, and taking that back: each an act of the person and a line of the journal.

Neither is a leaf of the ledger: its leaves answer a notice, lend or erase, and their form is fixed. A shorter period
asks nobody for anything and only takes data away sooner; the journal outside the databases keeps it through a restore.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from consent import gate, journal
from consent.values import CATEGORIES
from portal.audit import trail
from portal.audit.values import Action, Actor
from portal.events import keeping
from portal.events.keeping import Periods
from portal.people.models import Employee
from portal.rights.retention.models import Run, Shortening
from portal.rights.values import NotAllowed

JOURNAL = "shortening"
ONE_DAY = timedelta(days=1)


@transaction.atomic
def shorten(*, employee: Employee, category: str, days: int, by: Actor) -> Shortening:
    """Keep a category for fewer days from now on, what is here already as well; raises NotAllowed."""
    gate.lock([employee.pk])
    longest = most(keeping.of(employee), category, keeping.today(employee))
    if longest is None:
        raise NotAllowed("category.unknown", _("Nothing of this kind is collected from you."))
    if not 1 <= days <= longest:
        what = {"most": longest}
        raise NotAllowed("days.longer", _("Choose at least 1 day and at most %(most)d: it can only be shorter.") % what)
    _end(employee, category, keeping.today(employee))
    made = Shortening.objects.create(
        subject_id=employee.pk, category=category, days=days, since=keeping.today(employee)
    )
    _look_again(employee.pk)
    _written(Action.RETENTION_SHORTENED, employee, category, by, days=days)
    return made


def most(periods: Periods, category: str, today: date) -> int | None:
    """Return the longest that a person may choose: a day less than it would be kept otherwise; None for nothing."""
    if category not in CATEGORIES:
        return None
    kept = [periods.days(purpose, category, today) for purpose in periods.purposes(category)]
    longest = max((each for each in kept if each is not None), default=None)
    return None if longest is None else longest - 1


@transaction.atomic
def take_back(*, employee: Employee, category: str, by: Actor) -> None:
    """End a shorter period: what is collected from tomorrow on is kept for as long as the notice says."""
    gate.lock([employee.pk])
    if not _end(employee, category, keeping.today(employee) + ONE_DAY):
        raise NotAllowed("shortening.over", _("You have chosen no shorter time for this."))
    _written(Action.RETENTION_LENGTHENED, employee, category, by)


def _end(employee: Employee, category: str, until: date) -> int:
    standing = Shortening.objects.for_subject(employee.pk).standing().filter(category=category)
    return standing.update(until=until)


def _look_again(subject_id: UUID) -> None:
    Run.objects.bulk_create([Run(subject_id=subject_id)], ignore_conflicts=True)
    Run.objects.filter(pk=subject_id).update(wanted=True, wake_at=None)


def _written(action: Action, employee: Employee, category: str, by: Actor, **facts: int) -> None:
    trail.record(action, actor=by, subject_id=employee.pk, facts={"category": category, **facts})
    chosen = Shortening.objects.for_subject(employee.pk).filter(category=category)
    rows = [[each.days, each.since.isoformat(), each.until and each.until.isoformat()] for each in chosen]
    journal.append(JOURNAL, {"subject_id": str(employee.pk), "category": category, "rows": rows})


@transaction.atomic
def replay(subject_id: UUID, facts: dict[str, Any]) -> None:
    """Bring the periods of a category back as a line of the journal has them, after a restore; safe to repeat."""
    category = facts["category"]
    Shortening.objects.for_subject(subject_id).filter(category=category).delete()
    for days, since, until in facts["rows"]:
        Shortening.objects.create(
            subject_id=subject_id,
            category=category,
            days=days,
            since=date.fromisoformat(since),
            until=date.fromisoformat(until) if until else None,
        )
    _look_again(subject_id)
