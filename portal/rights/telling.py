"""Tells connected systems of requests; what was joined to another ends with it, and is told as it stands."""

from __future__ import annotations

from uuid import UUID

from portal.audit.models import Act
from portal.audit.values import Action
from portal.outbox import hearing
from portal.people.subjects import find
from portal.rights.models import SubjectRequest
from portal.rights.values import State

# One that is taken back leaves those that were joined to it.
ITS_OWN = frozenset({Action.REQUEST_OPENED, Action.REQUEST_CANCELLED})


def _named(case: str) -> UUID | None:
    """Return the request that a case is; a program may name its cases as it likes."""
    try:
        return UUID(case)
    except ValueError:
        return None


def hear(act: Act) -> None:
    """audit.ports.Ear."""
    hearing.hear(act)
    told = hearing.of_a_request(act)
    if told is None or not hearing.anybody(told):
        return
    # Whose account was erased is not written down anew.
    hearing.tell_of(told, act.case, act.subject_id if act.subject_id and find(act.subject_id) else None)
    pk = _named(act.case)
    if pk is None or act.action in ITS_OWN:
        return
    for joined in SubjectRequest.objects.filter(joined_to=pk).exclude(state=State.WITHDRAWN):
        hearing.tell_of(told, str(joined.pk), joined.subject_id)
