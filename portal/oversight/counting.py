"""Counts answers by group, and writes down only what tells nothing of fewer than ten people."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from consent.asking import YES
from consent.models import Decision, Purpose
from portal.oversight.disclosure import LEAST, Cell, Changes, Group, choose, rounded
from portal.oversight.models import Count, Rate, Seat
from portal.people.models import Employee
from portal.register.models import PurposeRecord
from portal.register.standing import concerns, country_of

YES_SAID, NO_SAID, SILENT = "yes", "no", "none"
# How long a count waits for groups with few changes: a group that one count leaves out is hard to take up again.
PATIENCE = timedelta(days=30)
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


def count_all() -> None:
    """Count every live purpose anew, where enough has changed."""
    for key in Purpose.objects.live().values_list("pk", flat=True):
        count(key)


@dataclass(frozen=True)
class Poll:
    """Who is counted where, and what each answered; it never leaves this module."""

    seats: dict[UUID, Cell]
    answers: dict[UUID, str]

    def answer(self, person: UUID) -> str:
        return self.answers.get(person, SILENT)


@transaction.atomic
def count(purpose_key: str) -> Count | None:
    """Make a new count if it may show a group with at least ten changed answers; two workers make one."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [f"count:{purpose_key}"])
    last = Count.objects.filter(purpose_key=purpose_key).order_by("-number").first()
    mark = Decision.objects.filter(purpose_key=purpose_key).aggregate(Max("leaf_idx"))["leaf_idx__max"]
    now = Poll(_seats_now(purpose_key), _answers(purpose_key, -1 if mark is None else mark))
    changes = _changes(_before(purpose_key, last), now)
    if changes.answers.total() < LEAST:
        return None
    before = last.groups if last else frozenset()
    shown = choose(Counter(now.seats.values()), changes, before)
    early = last is not None and timezone.localdate() - last.day < PATIENCE
    if not any(changes.of(group) for group in shown) or (early and not before <= shown):
        return None
    number = last.number + 1 if last else 1
    made = Count.objects.create(purpose_key=purpose_key, number=number, last_leaf=-1 if mark is None else mark)
    Rate.objects.bulk_create(_rate(made, group, now) for group in shown)
    _seat(purpose_key, now)
    return made


def _seats_now(purpose_key: str) -> dict[UUID, Cell]:
    """Return where each person stands whom the purpose concerns."""
    record = PurposeRecord.objects.filter(purpose_key=purpose_key).first()
    where = record.jurisdictions if record else []
    people = Employee.objects.active().values_list("pk", "department", "jurisdiction")
    return {pk: Cell(department, country_of(place)) for pk, department, place in people if concerns(where, place)}


def _answers(purpose_key: str, last_leaf: int) -> dict[UUID, str]:
    """Return what each person's newest decision up to a leaf was."""
    found = Decision.objects.filter(purpose_key=purpose_key, leaf_idx__lte=last_leaf)
    newest = found.order_by("subject_id", "-leaf_idx").distinct("subject_id").values_list("subject_id", "kind")
    return {person: YES_SAID if kind in YES else NO_SAID for person, kind in newest}


def _before(purpose_key: str, last: Count | None) -> Poll:
    return Poll(Seat.cells(purpose_key), _answers(purpose_key, last.last_leaf)) if last else Poll({}, {})


def _changes(before: Poll, now: Poll) -> Changes:
    """Say where answers changed, and where somebody left, moved, or came of whom all know that they are silent."""
    if not before.seats:
        return Changes(Counter(now.seats.values()))
    found = Changes()
    for person, cell in now.seats.items():
        was = before.seats.get(person)
        if was not in (None, cell):
            found.moves.update([was, cell])
        elif before.answer(person) != now.answer(person):
            found.answers[cell] += 1
        elif was is None:
            found.moves[cell] += 1
    found.moves.update(cell for person, cell in before.seats.items() if person not in now.seats)
    return found


def _rate(made: Count, group: Group, poll: Poll) -> Rate:
    said = Counter(poll.answer(person) for person, cell in poll.seats.items() if group in cell.groups)
    shares = {answer: rounded(said[answer], said.total()) for answer in (YES_SAID, NO_SAID, SILENT)}
    return Rate(count=made, dimension=group[0], name=group[1], **shares)


def _seat(purpose_key: str, poll: Poll) -> None:
    Seat.objects.filter(purpose_key=purpose_key).delete()
    Seat.objects.bulk_create(
        Seat(purpose_key=purpose_key, subject_id=person, department=cell.department, country=cell.country)
        for person, cell in poll.seats.items()
    )
