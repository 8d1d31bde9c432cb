"""Marking days on which nothing is collected, and letting go of those long past. Why, nobody is asked.

No act is written: a list of when somebody marked a day would be the calendar of absences that nobody shall have.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from consent import days_off, gate, journal, ledger
from consent.models import Gate
from consent.values import Closed, NotAllowed

# What lies further ahead was no plan but a slip.
FURTHEST = timedelta(days=400)
# As long as an event of the day may still arrive.
KEPT = timedelta(days=31)


@transaction.atomic
def mark(*, subject_id: UUID, days: Iterable[date], today: date) -> None:
    """Collect nothing on these local days, from this commit on, and also while closed; raises NotAllowed."""
    wanted = set(days)
    if not wanted or min(wanted) < today or max(wanted) > today + FURTHEST:
        raise NotAllowed("day_off.out_of_range")
    row = gate.lock([subject_id])[0]
    _write(row, {*_marked(row), *wanted}, today)


@transaction.atomic
def unmark(*, subject_id: UUID, days: Iterable[date], today: date) -> None:
    """Let days that have not begun be as any other; raises NotAllowed, Closed.

    What was observed on a day that has begun stays out: until it ends nobody can tell it from what follows.
    """
    if ledger.closed():
        raise Closed(ledger.closed())
    wanted = set(days)
    if wanted and min(wanted) <= today:
        raise NotAllowed("day_off.begun")
    row = gate.lock([subject_id])[0]
    marked = _marked(row)
    if marked & wanted:
        _write(row, marked - wanted, today)


def _marked(row: Gate) -> frozenset[date]:
    return days_off.opened(row.pk, bytes(row.days_off)) or days_off.NO_DAYS


def _write(row: Gate, days: Iterable[date], today: date) -> None:
    kept = [day for day in days if day >= today - KEPT]
    row.days_off = days_off.sealed(row.pk, kept)
    row.version += 1
    row.save(update_fields=["days_off", "version"])
    said = {"subject_id": str(row.pk), "days": sorted(day.isoformat() for day in kept)}
    journal.append(journal.DAYS_OFF, said)


def forget_past() -> int:
    """Let go of the days that nothing can arrive of any more; return from how many people's rows."""
    oldest = timezone.now().date() - KEPT
    changed = 0
    for subject_id in Gate.objects.exclude(days_off=b"").values_list("pk", flat=True):
        with transaction.atomic():
            row = gate.lock([subject_id])[0]
            marked = _marked(row)
            left = [day for day in marked if day >= oldest]
            if len(left) < len(marked):
                row.days_off = days_off.sealed(subject_id, left)
                row.save(update_fields=["days_off"])
                changed += 1
    return changed
