"""Whose day has begun and was not gone through yet: the rows are the queue, and nothing is lost when workers are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from portal.events.models import Block, Segment, Volume
from portal.people.models import Employee
from portal.rights.retention.models import Run

AT_ONCE = 20
# A night may be missed while everything is down; from then on people are told.
LATE = timedelta(days=2)


def due() -> Iterator[QuerySet[Employee]]:
    """Yield, zone by zone, those of whom something is stored, whose day is new to us, and at whom nobody works."""
    for zone, today in _zones():
        found = with_something(Employee.objects.filter(time_zone=zone)).exclude(Exists(_gone_through(today)))
        yield found.exclude(Exists(_mine().filter(Q(wake_at__gt=Now()) | Q(lease_until__gt=Now())))).order_by("pk")


def some() -> list[UUID]:
    """Return a few of them, from anywhere in their midst, so that two at once seldom take the same."""
    start = uuid4()
    for found in due():
        for part in (found.filter(pk__gte=start), found):
            if few := list(part.values_list("pk", flat=True)[:AT_ONCE]):
                return few
    return []


def _zones() -> list[tuple[str, date]]:
    """Return every time zone that people are in, and what day it is there."""
    zones = Employee.objects.order_by("time_zone").values_list("time_zone", flat=True).distinct()
    return [(zone, _day(timezone.now(), zone)) for zone in zones]


def _day(at: datetime, zone: str) -> date:
    return at.astimezone(ZoneInfo(zone)).date()


def _mine() -> QuerySet[Run]:
    return Run.objects.filter(subject_id=OuterRef("pk"))


def _gone_through(today: date) -> QuerySet[Run]:
    return _mine().filter(finished_on__gte=today, wanted=False).exclude(state=Run.State.RUNNING)


def with_something(people: QuerySet[Employee]) -> QuerySet[Employee]:
    """Keep those of whom anything is stored, or of whom a deletion is under way."""
    stored = Q(pk__in=[])
    for table in (Volume, Block, Segment):
        stored |= Q(Exists(table.objects.filter(subject_id=OuterRef("pk"))))
    return people.filter(stored | Q(Exists(_mine().running())))


def wanted() -> list[UUID]:
    """Return those who chose a shorter period since."""
    waiting = Run.objects.filter(wanted=True).exclude(wake_at__gt=Now()).order_by("pk")
    return list(waiting.values_list("pk", flat=True)[:AT_ONCE])


def late() -> int:
    """Return of how many people a night was missed."""
    missed = 0
    for zone, today in _zones():
        found = with_something(Employee.objects.filter(time_zone=zone))
        old = Exists(Segment.objects.filter(subject_id=OuterRef("pk"), day__lte=today - LATE))
        begun = Exists(_mine().filter(finished_on__lte=today - LATE))
        never = ~Exists(_mine().exclude(finished_on=None))
        missed += found.filter(Q(begun) | Q(never & Q(old))).count()
    return missed
