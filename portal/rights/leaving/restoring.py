"""Forgets again whom a restore brought back; run by the owner of the database, like the restore itself."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from portal.rights.leaving import forgetting
from portal.rights.models import StepRun, SubjectRequest, SubjectRequestQuerySet
from portal.rights.values import CLOSED_STATES, State, StepState

ROWS = "SELECT public.daylight_forget_rows(%s)"


def forget_again(facts: Mapping[str, str]) -> None:
    """Remove all that names the person of a `forgotten` line of the journal; safe to repeat.

    What was kept under their code after the backup is lost with the rows that a restore replaced.
    """
    subject_id = UUID(facts["subject_id"])
    with transaction.atomic():
        forgetting.remove(subject_id)
        with connection.cursor() as cursor:
            cursor.execute(ROWS, [subject_id])
        _close(SubjectRequest.objects.for_subject(subject_id).exclude(state__in=CLOSED_STATES))
    forgetting.destroy_rest(subject_id)


def _close(open_ones: SubjectRequestQuerySet) -> None:
    """Nothing is left that these could go on with: the journal says that it is all gone."""
    StepRun.objects.filter(request__in=open_ones).update(state=StepState.DONE, cursor={})
    open_ones.update(state=State.DELIVERED, closed_at=timezone.now(), lease_until=None, wake_at=None)
