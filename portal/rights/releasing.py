"""Two people let an erasure go on with what no hold keeps; when the holds end, the rest goes by itself."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from portal.audit.values import SYSTEM, Action, Actor, ActorKind
from portal.rights import holding, kept
from portal.rights.actions import open_request
from portal.rights.holds.models import HeldRequest, Hold
from portal.rights.models import StepRun, SubjectRequest
from portal.rights.opening import act, actor_key, plan
from portal.rights.values import UNDECIDED_STATES, Kind, NotAllowed, OpenedBy, State, StepState

BY_THEMSELVES = (OpenedBy.SELF, OpenedBy.SYSTEM)
PEOPLE_ONLY = "hold.people_only"


def approve(request: SubjectRequest, by: Actor, holds: list[Hold]) -> SubjectRequest:
    """Approve an erasure that holds touch, in the caller's transaction that has locked it: the second yes counts."""
    if by.kind != ActorKind.PERSON:
        raise NotAllowed(PEOPLE_ONLY, _("A legal hold touches this, so that people decide, and no program."))
    row, _made = HeldRequest.objects.get_or_create(request=request)
    seen = sorted(str(each.pk) for each in holds)
    known = row.seen if request.wanted.without else []
    # Whoever said yes to other holds said yes to something else.
    first = row.approved_by if row.seen == sorted({*known, *seen}) and not row.approved else ""
    if first == actor_key(by):
        raise NotAllowed("hold.second_person", _("You approved this already. A second person has to as well."))
    row.seen, row.approved, row.approved_by = sorted({*known, *seen}), bool(first), first or actor_key(by)
    row.save(update_fields=["seen", "approved", "approved_by"])
    act(Action.REQUEST_APPROVED, request, by, stands=str(bool(first)).lower())
    request.proposed_refusal = ""
    request.reason, request.reason_code = holding.words(holds), holds[0].ground
    if first:
        request.decided_by = actor_key(by)
        _go_on_with_the_rest(request, holds)
    request.save(update_fields=["state", "scope", "decided_by", "proposed_refusal", "reason", "reason_code"])
    kept.keep(request)
    return request


def _go_on_with_the_rest(request: SubjectRequest, holds: list[Hold]) -> None:
    rest = holding.rest_of(request, holds)
    if rest is None:
        # Everything is held: it waits, out of use, and begins when the hold ends.
        request.state = State.ON_HOLD
        return
    request.scope = rest.to_json()
    request.state = State.PROCESSING
    plan(request)
    # What is held was counted among what goes, if it was counted already.
    StepRun.objects.filter(request=request, name="count").update(state=StepState.PENDING, cursor={})
    SubjectRequest.objects.filter(pk=request.pk).update(wake_at=None, lease_until=None, failures=0)
    holding.keep_fence(request)


# --- when holds end


def go_on() -> list[UUID]:
    """Take up what holds kept, where none stands any more; return the requests to be woken."""
    # What a restore brought back has no row beside it, only its state and scope.
    itself = Q(state__in=UNDECIDED_STATES, opened_by__in=BY_THEMSELVES, proposed_refusal="")
    alone = Q(held_by=None) & (Q(state=State.ON_HOLD) | Q(scope__has_key="without") | itself)
    waiting = SubjectRequest.objects.filter(Q(held_by__settled=False) | alone, kind=Kind.ERASURE, joined_to=None)
    found = [_take_up(pk) for pk in waiting.exclude(state=State.PROCESSING).values_list("pk", flat=True)]
    return [pk for pk in found if pk]


@transaction.atomic
def _take_up(pk: UUID) -> UUID | None:
    request = SubjectRequest.objects.select_for_update().get(pk=pk)
    if request.state in (State.WITHDRAWN, State.REFUSED, State.DELIVERED):
        _settle(request)
        return None
    if request.state == State.PARTIALLY_FULFILLED:
        return _erase_the_rest(request)
    if holding.holds_on(request) or not _waits_for_holds(request):
        return None
    return _begin(request)


def _waits_for_holds(request: SubjectRequest) -> bool:
    """Return whether nothing but a hold kept it: not a decision that somebody has still to make."""
    if request.state == State.ON_HOLD:
        return True
    undecided = request.state in UNDECIDED_STATES and not request.proposed_refusal
    return undecided and request.opened_by in BY_THEMSELVES


def _begin(request: SubjectRequest) -> UUID:
    request.state, request.reason, request.reason_code = State.PROCESSING, "", ""
    request.save(update_fields=["state", "reason", "reason_code"])
    SubjectRequest.objects.filter(pk=request.pk).update(wake_at=request.not_before, lease_until=None, failures=0)
    plan(request)
    act(Action.REQUEST_RESUMED, request, SYSTEM)
    if not request.wanted.without:
        _settle(request)
    kept.keep(request)
    return request.pk


def _settle(request: SubjectRequest) -> None:
    HeldRequest.objects.update_or_create(request=request, defaults={"settled": True})


def _erase_the_rest(request: SubjectRequest) -> UUID | None:
    """Open the erasure of what a hold had kept: up to when it was asked, since collection went on."""
    whole, asked = request.wanted.whole, request.asked_ms
    scope = replace(whole, to_ms=asked if whole.to_ms is None else min(asked, whole.to_ms))
    if holding.would_stay(request.subject_id, scope):
        return None
    _settle(request)
    opened = open_request(
        kind=Kind.ERASURE,
        subject_id=request.subject_id,
        by=SYSTEM,
        opened_by=OpenedBy.SYSTEM,
        scope=scope,
        ground=request.ground,
        purpose_key=request.purpose_key,
        idempotency_key=f"held:{request.pk}",
    )
    act(Action.REQUEST_RESUMED, request, SYSTEM, opened=str(opened.pk))
    return opened.pk
