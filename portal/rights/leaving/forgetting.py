"""Removes all that names somebody but what the database itself guards: whatever table has their number, by itself.

A table that is not to lose its rows, or that has them in another way, is named below; every other one with a
`subject_id`, or that belongs to one of their requests, is emptied of them without being named anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from django.apps import apps
from django.db import models
from django.utils import timezone

from portal.events import segments
from portal.events.models import StillSending
from portal.people.actions import end_sessions
from portal.people.models import Employee
from portal.register.models import Approval, PolicyDraft
from portal.rights.cases import forgetting as cases
from portal.rights.leaving.models import AccessCode, Keepsake
from portal.rights.models import StepRun, SubjectRequest
from portal.rights.values import CLOSED_STATES, State
from portal.vault import keys, objects
from portal.vault.models import KeyList, SubjectKey

# The database lets go of these through `forget_account` alone.
GUARDED = ("consent.Decision", "consent.Opening", "consent.Gate", "audit.Act")
# These keep a row, without what the person or others wrote: a code for who holds it, that there was a request.
KEEPS_A_ROW = ("leaving.AccessCode", "rights.SubjectRequest")
# These have lines on their way to the journal, or lie in the other database and go with the keys.
GOES_LATER = ("consent.JournalLine", "vault.SubjectKey", "vault.KeyList")
BLANK = {
    "scope": {},
    "ground": "",
    "note": "",
    "channel": "",
    "representative": "",
    "idempotency_key": "",
    "body_digest": "",
    "reason": "",
    "purpose_key": "",
    "sealed_tally": None,
    "sealed_certificate": None,
    "sealed_details": None,
}


def remove(subject_id: UUID) -> None:
    """Remove every row that names the person, in the caller's transaction; safe to repeat."""
    cases.forget(subject_id)
    for model in _with_number():
        _rows(model).filter(subject_id=subject_id).delete()
    for model in _of_requests():
        _rows(model).filter(request__subject_id=subject_id).delete()
    StillSending.objects.filter(collector__contains=str(subject_id)).delete()
    _blank_requests(subject_id)
    AccessCode.objects.filter(subject_id=subject_id).update(subject_id=None)
    # What they answered for stays, in their role and under their number.
    PolicyDraft.objects.filter(drafted_by=subject_id).update(drafted_by_label="")
    Approval.objects.filter(by=subject_id).update(by_label="")
    _remove_account(subject_id)


def _with_number() -> Iterator[type[models.Model]]:
    """Yield every table of ours that has a person's number."""
    for model in apps.get_models():
        spared = model._meta.label in (*GUARDED, *KEEPS_A_ROW, *GOES_LATER)
        if not spared and any(field.name == "subject_id" for field in model._meta.concrete_fields):
            yield model


def _of_requests() -> Iterator[type[models.Model]]:
    """Yield every table whose rows belong to a request; its steps and what is kept for the person stay."""
    for model in apps.get_models():
        field = next((each for each in model._meta.concrete_fields if each.name == "request"), None)
        if field is not None and field.related_model is SubjectRequest and model not in (StepRun, Keepsake):
            yield model


def _blank_requests(subject_id: UUID) -> None:
    """Leave of each request that there was one, when, and how it ended; what was still open has nothing left to do."""
    mine = SubjectRequest.objects.for_subject(subject_id)
    StepRun.objects.filter(request__in=mine.filter(account=False)).update(cursor={})
    others = mine.exclude(account=True, state=State.PROCESSING).exclude(state__in=CLOSED_STATES)
    others.update(state=State.WITHDRAWN, closed_at=timezone.now(), lease_until=None)
    mine.update(**BLANK)


def _remove_account(subject_id: UUID) -> None:
    """Remove the person, and with them all that sign-in keeps; a session of any kind ends."""
    employee = Employee.objects.filter(pk=subject_id).first()
    if employee is not None:
        end_sessions(employee)
        employee.delete()


def destroy_rest(subject_id: UUID) -> None:
    """Destroy both keys, and remove the sealed objects; safe to repeat."""
    keys.destroy_person(subject_id)
    for name in [*objects.names(segments.prefix_of(subject_id))]:
        objects.delete(name)


def left(subject_id: UUID) -> list[str]:
    """Return the tables and stores in which something of the person is left."""
    rows = [(each, {"subject_id": subject_id}) for each in (*_with_number(), *map(apps.get_model, GUARDED), AccessCode)]
    rows += [(each, {"request__subject_id": subject_id}) for each in _of_requests()]
    rows += [(each, {"subject_id": subject_id}) for each in (SubjectKey, KeyList)]
    rows += [(Employee, {"pk": subject_id}), (StillSending, {"collector__contains": str(subject_id)})]
    found = {each._meta.label for each, about in rows if _rows(each).filter(**about).exists()}
    if next(iter(objects.names(segments.prefix_of(subject_id))), None):
        found.add("objects")
    return sorted(found)


def _rows(model: type[models.Model]) -> models.QuerySet[models.Model]:
    """Return a table's rows without what its own manager leaves out or refuses."""
    return models.QuerySet(model)
