"""What a copy holds of this part: the shorter times that a person chose, and what went because its time was over."""

from __future__ import annotations

from uuid import UUID

from portal.rights.art15 import Row
from portal.rights.retention.models import Month, Shortening


def shorter_periods(subject_id: UUID) -> list[Row]:
    return [
        {
            "category": each.category,
            "days": each.days,
            "since": each.since.isoformat(),
            "until": each.until.isoformat() if each.until else "",
        }
        for each in Shortening.objects.for_subject(subject_id)
    ]


def deleted_on_time(subject_id: UUID) -> list[Row]:
    """Return one row for each night and category."""
    return [
        {"night": run["on"], "at": run["at"], "category": category, "events": count}
        for month in Month.objects.for_subject(subject_id).order_by("month")
        for run in month.runs
        for category, count in sorted(run["went"].items())
    ]
