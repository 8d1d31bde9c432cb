"""What those who handle requests do with them: approve, refuse, take more time, cancel, go on.."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.audit.values import Action, Actor, ActorKind
from portal.outbox import actions as outbox
from portal.people.subjects import find, in_line
from portal.rights import bundle, granting, holding, joining, kept, plans, releasing
from portal.rights.actions import called_back, open_request
from portal.rights.clocks import reckoning
from portal.rights.clocks.models import MoreTime
from portal.rights.models import SubjectRequest
from portal.rights.opening import act, actor_key, begin_alone, plan
from portal.rights.values import (
    UNDECIDED_STATES,
    Extension,
    Ground,
    Kind,
    NotAllowed,
    OpenedBy,
    Refusal,
    State,
    refusals,
)


def why_not_handle(request: SubjectRequest, by: Actor) -> str:
    """Return the code of what keeps this actor from deciding, empty if nothing does."""
    if actor_key(by) in joining.openers(request.lead):
        return "handler.opened_it"
    objection = request.kind == Kind.OBJECTION
    if by.kind == ActorKind.CLIENT:
        return "handler.not_legal" if objection else ""
    employee = find(UUID(by.id)) if by.kind == ActorKind.PERSON else None
    if employee is None or not employee.has_perm("requests.handle"):
        return "handler.not_permitted"
    if in_line(employee.pk, request.subject_id):
        return "handler.concerned"
    return "handler.not_legal" if objection and not employee.has_perm("objections.decide") else ""


def cannot_decide(code: str) -> NotAllowed:
    if code == "handler.not_legal":
        return NotAllowed(code, _("Only legal decides on an objection."))
    return NotAllowed(code, _("You cannot decide on this request."))


def must_handle(request: SubjectRequest, by: Actor) -> None:
    """Raise NotAllowed for whoever may not handle this request."""
    if code := why_not_handle(request, by):
        raise cannot_decide(code)


def _locked(request: SubjectRequest, by: Actor) -> SubjectRequest:
    """Lock the row for a decision; raises NotAllowed if it is not this actor's or nobody's to take."""
    must_handle(request, by)
    found = SubjectRequest.objects.select_for_update(of=("self",)).get(pk=request.pk)
    if found.joined_to_id:
        raise NotAllowed("request.joined", _("It was joined to an earlier request, which is decided for both."))
    if found.state not in UNDECIDED_STATES:
        raise NotAllowed("request.decided", _("There is nothing to decide on this request any more."))
    return found


@transaction.atomic
def approve(*, request: SubjectRequest, by: Actor) -> SubjectRequest:
    """Grant what was asked: work begins, or what has no work is done at once."""
    found = _locked(request, by)
    if found.account and found.opened_by == OpenedBy.STAFF:
        holding.spare(found.subject_id)
    if holds := holding.holds_on(found):
        return releasing.approve(found, by, holds)
    reckoning.drop(found)
    found.decided_by = actor_key(by)
    found.proposed_refusal = found.reason_code = found.reason = ""
    act(Action.REQUEST_APPROVED, found, by)
    if found.plan_name in plans.PLANS:
        found.state, keep = State.PROCESSING, kept.keep_saved
        plan(found)
    else:
        # What is granted may write into the row by itself.
        keep = kept.keep
        _grant(found, by)
        found.state, found.closed_at = State.DELIVERED, timezone.now()
        act(Action.REQUEST_DONE, found, by, once=True)
    found.save(update_fields=["state", "decided_by", "proposed_refusal", "reason_code", "reason", "closed_at"])
    keep(found)
    return found


def _grant(request: SubjectRequest, by: Actor) -> None:
    granting.granted(request, by)
    if request.kind == Kind.OBJECTION:
        person = Actor(ActorKind.PERSON, str(request.subject_id), "employee")
        # As narrow as it was meant, but of what nothing else covers any more.
        about = called_back(request.subject_id, request.about).purposes if request.about else None
        open_request(
            kind=Kind.ERASURE,
            subject_id=request.subject_id,
            by=person,
            scope=replace(request.wanted, purposes=about),
            ground=Ground.OBJECTION,
            purpose_key=request.purpose_key,
            not_before=request.not_before,
        )


@transaction.atomic
def refuse(*, request: SubjectRequest, by: Actor, ground: str, note: str = "") -> SubjectRequest:
    """Refuse with a coded ground; it stands once a second person, not a program, has signed it off (Art. 12(5))."""
    found = _locked(request, by)
    if found.is_begun:
        raise NotAllowed("request.irreversible", _("The deletion has begun, so that it can no longer be refused."))
    if ground not in refusals(found.kind):
        raise NotAllowed("ground.unknown", _("Choose one of the grounds listed."))
    if found.kind == Kind.OBJECTION and not note.strip():
        raise NotAllowed("reason.missing", _("Write down the reasons: the person reads them."))
    first = found.decided_by if found.proposed_refusal == ground else ""
    signed = by.kind == ActorKind.PERSON and first.startswith(ActorKind.PERSON) and first != actor_key(by)
    if not (first.startswith(ActorKind.PERSON) and by.kind == ActorKind.CLIENT):
        found.decided_by = actor_key(by)
    found.proposed_refusal, found.reason_code = ground, ground
    found.reason = note or str(Refusal(ground).label)
    found.state = State.REFUSED if signed else State.IN_REVIEW
    found.closed_at = timezone.now() if signed else None
    act(Action.REQUEST_REFUSED, found, by, ground=ground, stands=str(signed).lower())
    found.save(update_fields=["state", "decided_by", "proposed_refusal", "reason_code", "reason", "closed_at"])
    kept.keep(found)
    if signed:
        reckoning.drop(found)
        granting.turned_down(found)
        holding.let_go(found)
    return found


@transaction.atomic
def take_back(*, request: SubjectRequest, by: Actor) -> SubjectRequest:
    """Take a proposed refusal back before a second person has signed it; whoever may propose one may do so."""
    found = _locked(request, by)
    if not found.proposed_refusal:
        raise NotAllowed("refusal.none", _("No refusal is proposed."))
    found.proposed_refusal = found.reason_code = found.reason = found.decided_by = ""
    act(Action.REFUSAL_TAKEN_BACK, found, by)
    found.save(update_fields=["proposed_refusal", "reason_code", "reason", "decided_by"])
    return found


@transaction.atomic
def extend(*, request: SubjectRequest, by: Actor, reason: str) -> SubjectRequest:
    """Take more time, once, inside the first month, with a coded reason (Art. 12(3))."""
    if reason not in Extension.values:
        raise NotAllowed("reason.unknown", _("Choose one of the reasons listed."))
    must_handle(request, by)
    found = SubjectRequest.objects.select_for_update().get(pk=request.pk)
    if reckoning.why_not_extend(found):
        raise NotAllowed("extension.not_possible", _("Time can be extended once, before the first date."))
    MoreTime.objects.create(request=found, reason=reason, by=actor_key(by))
    reckoning.recount(found)
    found.reason_code, found.reason = reason, str(Extension(reason).label)
    if found.state in reckoning.WAITS:
        found.state = State.EXTENDED
    act(Action.REQUEST_EXTENDED, found, by, reason=reason)
    found.save(update_fields=["reason_code", "reason", "state"])
    # It exists only if the person is told, with the reason, before the first date.
    facts = {"request": str(found.pk), "due": found.due.isoformat(), "reason": reason}
    outbox.post("request_extended", to=found.subject_id, facts=facts, once=f"extended:{found.pk}")
    kept.keep(found)
    return found


def cancel(*, request: SubjectRequest, by: Actor) -> SubjectRequest:
    """Take a request back until its first irreversible step; a worker at it can write nothing more."""
    with transaction.atomic():
        found = SubjectRequest.objects.select_for_update().get(pk=request.pk)
        if not _may_cancel(found, by):
            raise NotAllowed("handler.not_permitted", _("You cannot cancel this request."))
        if not found.can_cancel:
            raise NotAllowed("request.irreversible", _("It is too late to cancel this request."))
        SubjectRequest.objects.filter(pk=found.pk).update(
            state=State.WITHDRAWN, attempt=F("attempt") + 1, lease_until=None, closed_at=Now()
        )
        act(Action.REQUEST_CANCELLED, found, by)
        kept.keep(found)
        granting.taken_back(found)
        holding.let_go(found)
        if heir := joining.heir_of(found):
            begin_alone(heir)
    bundle.remove_of(found)
    found.refresh_from_db()
    return found


def _may_cancel(request: SubjectRequest, by: Actor) -> bool:
    """What a person asked for themselves only they take back: to turn it down is a refusal, which needs two people."""
    if _is_own(request, by) or actor_key(by) == request.opener_id:
        return True
    return request.opened_by != OpenedBy.SELF and not why_not_handle(request, by)


def _is_own(request: SubjectRequest, by: Actor) -> bool:
    return by.kind == ActorKind.PERSON and by.id == str(request.subject_id)


def retry(*, request: SubjectRequest, by: Actor) -> SubjectRequest:
    """Go on with a request that gave up: the person with their own, who handles it once the cause is mended."""
    if not _is_own(request, by):
        must_handle(request, by)
    with transaction.atomic():
        stuck = SubjectRequest.objects.filter(pk=request.lead.pk, state=State.NEEDS_ATTENTION)
        if stuck.update(state=State.PROCESSING, failures=0, wake_at=None, lease_until=None):
            act(Action.REQUEST_RETRIED, request, by)
    request.refresh_from_db()
    return request
