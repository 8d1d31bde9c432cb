"""What becomes of requests after a restore: each goes on from where the journal and the keys say that it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from consent.models import Decision
from consent.values import DecisionKind
from portal.audit.values import Actor, ActorKind
from portal.people.models import Employee
from portal.rights import actions, expiry, opening, plans
from portal.rights.models import Bundle, StepRun, SubjectRequest
from portal.rights.values import (
    CLOSED_STATES,
    COPIES,
    Ground,
    Kind,
    NotAllowed,
    OpenedBy,
    State,
    StepState,
)
from portal.vault import keys

MONTH = timedelta(days=30)
READ_AGAIN = "read_again"
Facts = dict[str, Any]


def fenced(subject_id: UUID, facts: Facts) -> None:
    """Know of a deletion whose fence stood: which keys it made, and that it must go on."""
    request = _known(subject_id, facts["key"], facts["scope"], facts["asked_ms"])
    if request is None or request.state in CLOSED_STATES:
        return
    _go_on(request)
    epochs = {"old": facts["key_epoch"] - 1, "new": facts["key_epoch"]}
    request.steps.filter(name="fence").update(cursor=epochs)


def erased(subject_id: UUID, facts: Facts) -> None:
    """Destroy the old key again, and let the second reading and the certificate follow where they had not."""
    old = facts["old_epoch"]
    if any(epoch > old for epoch in keys.epochs(subject_id)):
        keys.destroy_epoch(subject_id, old)
    request = _known(subject_id, facts["request"], facts["scope"], facts["asked_ms"])
    if request is None or request.state in CLOSED_STATES:
        return
    _go_on(request)
    request.steps.filter(name="fence").update(cursor={"old": old, "new": facts["new_epoch"]})
    if request.sealed_tally is None and "tally" in facts:
        SubjectRequest.objects.filter(pk=request.pk).update(sealed_tally=request.sealed("tally", facts["tally"]))
    _done_before(request, READ_AGAIN)


def _done_before(request: SubjectRequest, name: str) -> None:
    """Let it go on from a step: what that one reads, and what follows, is done on the restored store."""
    position = request.steps.filter(name=name).values_list("position", flat=True).first() or 0
    request.steps.filter(position__lt=position).update(state=StepState.DONE)
    request.steps.filter(position__gte=position).update(state=StepState.PENDING, cursor={})


def _go_on(request: SubjectRequest) -> None:
    # A hold that stopped it stops it again, at the next step that cannot be undone.
    SubjectRequest.objects.filter(pk=request.pk).update(
        state=State.PROCESSING, lease_until=None, wake_at=None, failures=0
    )
    opening.plan(request)


def _known(subject_id: UUID, key: str, scope: Facts, asked_ms: int) -> SubjectRequest | None:
    """Return a deletion, made anew where the journal has no line of the request itself; None for what is none."""
    try:
        pk = UUID(key)
    except ValueError:
        return None
    return SubjectRequest.objects.filter(pk=pk).first() or _anew(pk, subject_id, scope, asked_ms)


def _anew(pk: UUID, subject_id: UUID, scope: Facts, asked_ms: int) -> SubjectRequest:
    asked = datetime.fromtimestamp(asked_ms / 1000, UTC)
    made = SubjectRequest(
        pk=pk,
        kind=Kind.ERASURE,
        subject_id=subject_id,
        scope=scope,
        state=State.PROCESSING,
        opened_by=OpenedBy.SYSTEM,
        opener_id="system:system",
        received=asked,
    )
    try:
        opening.set_deadline(made)
    except NotAllowed:
        # Somebody whom the directory brought in after the backup: the shortest date that any rule has.
        made.due = made.first_due = (asked + MONTH).date()
        made.rule, made.explanation = "unknown", _("The date is a month from when it was asked.")
    made.save(force_insert=True)
    SubjectRequest.objects.filter(pk=pk).update(opened_at=asked)
    made.refresh_from_db()
    return made


# --- once every line was applied


def settle() -> dict[str, int]:
    """Bring every request into a state that is so; return how many there were of each kind of change."""
    return {
        "copies that are lost with their keys or objects": _lost_copies(),
        "copies that are made again": _begun_copies(),
        "requests that begin again": _unplanned(),
        "deletions opened for withdrawals": _called_back(),
    }


def _lost_copies() -> int:
    """Say of a finished copy that it is gone, where the backup has no archive of it."""
    finished = SubjectRequest.objects.filter(kind__in=COPIES, state__in=[State.READY, State.DELIVERED])
    there = Exists(Bundle.objects.filter(request=OuterRef("pk")))
    lost = finished.exclude(there)
    return lost.update(
        state=State.EXPIRED,
        reason=_("A backup was restored that does not have this copy. Ask for another one: it is made at once."),
    )


def _begun_copies() -> int:
    """Begin copies anew: their parts are from another time than the rows that name them."""
    begun = list(SubjectRequest.objects.filter(kind__in=COPIES, state=State.PROCESSING))
    for request in begun:
        expiry.call_back(request, "")
    return len(begun)


def _unplanned() -> int:
    waiting = SubjectRequest.objects.filter(state=State.PROCESSING, joined_to=None)
    found = [
        request
        for request in waiting.exclude(Exists(StepRun.objects.filter(request=OuterRef("pk"))))
        if request.plan_name in plans.PLANS
    ]
    for request in found:
        opening.plan(request)
    return len(found)


def _called_back() -> int:
    """Open what a withdrawal opens, where the journal has the decision alone."""
    known = Exists(Employee.objects.filter(pk=OuterRef("subject_id")))
    latest = Decision.objects.filter(known).order_by("subject_id", "purpose_key", "-leaf_idx")
    newest = latest.distinct("subject_id", "purpose_key")
    bare = [each for each in newest.iterator() if each.kind == DecisionKind.WITHDRAWN and not _is_answered(each)]
    for each in bare:
        actions.open_request(
            kind=Kind.ERASURE,
            subject_id=each.subject_id,
            by=Actor(ActorKind.PERSON, str(each.subject_id), "employee"),
            scope=actions.called_back(each.subject_id, {each.purpose_key}),
            ground=Ground.CONSENT_WITHDRAWN,
            purpose_key=each.purpose_key,
        )
    return len(bare)


def _is_answered(withdrawn: Decision) -> bool:
    erasures = SubjectRequest.objects.for_subject(withdrawn.subject_id).filter(kind=Kind.ERASURE)
    since = erasures.filter(opened_at__gte=withdrawn.at)
    return any(not each.scope or withdrawn.purpose_key in each.about for each in since)
