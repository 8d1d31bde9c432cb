"""Removes what was written and attached: with an account, and of people who stayed unknown, after their time."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from portal.rights.cases.models import Assignment, Entry, File, HandOver, Intake
from portal.vault import objects

# How long it must be possible to show that a request was answered (California: 24 months).
UNKNOWN_KEPT = timedelta(days=730)


def forget(subject_id: UUID) -> None:
    """Remove everything of a person's cases but the requests themselves; safe to repeat. For the end of an account."""
    _remove_files(Q(entry__request__subject_id=subject_id) | Q(intake__request__subject_id=subject_id))
    Entry.objects.for_subject(subject_id).delete()
    for table in (Assignment, HandOver, Intake):
        table.objects.filter(request__subject_id=subject_id).delete()


def forget_unknown() -> int:
    """Remove what people wrote who stayed unknown, long after they were answered; return of how many requests."""
    old = Intake.objects.unmatched().filter(closed_at__lt=timezone.now() - UNKNOWN_KEPT).exclude(sealed_body=None)
    _remove_files(Q(intake__in=list(old.values_list("pk", flat=True))))
    return old.update(sealed_body=None)


def _remove_files(which: Q) -> None:
    """Remove objects, then the rows that name them, so that what was cut short is found again."""
    for file in File.objects.filter(which):
        objects.delete(file.object_name)
    File.objects.filter(which).delete()
