"""When a request is due: the end of its last day where the person is, as programs read it and filter by it."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from django.db.models import DateTimeField, F, Func, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from portal.people.models import Employee

if TYPE_CHECKING:
    from portal.rights.models import SubjectRequestQuerySet

LAST_SECOND = time(23, 59, 59)


class Midnight(Func):
    """The instant at which a day has ended in a time zone."""

    template = "((%(expressions)s))"
    arg_joiner = " + 1)::timestamp AT TIME ZONE ("
    output_field = DateTimeField()


def zoned(requests: SubjectRequestQuerySet) -> SubjectRequestQuerySet:
    """Give each row the person's time zone as `zone`."""
    zone = Employee.objects.filter(pk=OuterRef("subject_id")).values("time_zone")[:1]
    return requests.annotate(zone=Coalesce(Subquery(zone), Value("UTC")))


def end_of(day: date, zone: str) -> datetime:
    return datetime.combine(day, LAST_SECOND, ZoneInfo(zone))


def before(requests: SubjectRequestQuerySet, limit: date | datetime) -> SubjectRequestQuerySet:
    """Return those due before a day, or before an instant; the rows are `zoned`."""
    if not isinstance(limit, datetime):
        return requests.filter(due__lt=limit)
    return requests.annotate(ended=Midnight(F("due"), F("zone"))).filter(ended__lt=limit + timedelta(seconds=1))
