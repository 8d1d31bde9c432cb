"""Restrictions of use: they stand from the click on, and end when the person says so or was told before (Art. 18)."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from consent import actions as decisions
from consent import gate
from consent.values import Restriction, Scope
from portal.audit import trail
from portal.audit.values import Action, Actor
from portal.events import restricting
from portal.outbox.actions import post
from portal.people.subjects import in_line
from portal.rights import actions, recipients
from portal.rights.models import SubjectRequest
from portal.rights.opening import actor_key
from portal.rights.redress.models import Lifting
from portal.rights.redress.values import TOLD_BEFORE, Ending, Restricting, What
from portal.rights.values import Kind, NotAllowed


@transaction.atomic
def ask(*, subject_id: UUID, by: Actor, scope: Scope, ground: str, note: str = "") -> SubjectRequest:
    """Restrict at once what the person means; that somebody looks at the ground takes nothing of it away."""
    if ground not in Restricting.values:
        raise NotAllowed("ground.unknown", _("Choose one of the grounds listed."))
    gate.lock([subject_id])
    request = actions.open_request(
        kind=Kind.RESTRICTION,
        subject_id=subject_id,
        by=by,
        scope=scope,
        ground=ground,
        details={"text": note} if note else None,
    )
    begin(request)
    return request


def begin(request: SubjectRequest) -> None:
    """Put the restriction of a request up, under the request's number, and tell whoever has the data. Repeatable."""
    scope, key = request.wanted, str(request.pk)
    decisions.restrict(subject_id=request.subject_id, scope=scope, key=key, ground=request.ground or "unspecified")
    recipients.tell(request, What.RESTRICTION)


def of(request: SubjectRequest) -> Restriction | None:
    """Return the restriction that stands because of this request."""
    return next((each for each in restricting.standing(request.subject_id) if each.key == str(request.pk)), None)


def lift(request: SubjectRequest) -> bool:
    """End what stands because of this request; return whether anything did."""
    if of(request) is None:
        return False
    with transaction.atomic():
        decisions.lift(subject_id=request.subject_id, key=str(request.pk))
        Lifting.objects.filter(request=request, lifted_at=None).update(lifted_at=timezone.now())
        recipients.tell(request, What.LIFTED)
    return True


def end_own(*, request: SubjectRequest, by: Actor) -> None:
    """The person wants their data used again: at once, and without giving a reason."""
    if by.id != str(request.subject_id):
        raise NotAllowed("restriction.not_yours", _("Only the person ends their own restriction at once."))
    if not lift(request):
        raise NotAllowed("restriction.over", _("This restriction has ended already."))


@transaction.atomic
def announce(*, request: SubjectRequest, by: Actor, reason: str) -> Lifting:
    """Tell the person that a restriction ends, and when: it ends only then, never before they were told."""
    if reason not in Ending.values:
        raise NotAllowed("reason.unknown", _("Choose one of the reasons listed."))
    if in_line(UUID(by.id), request.subject_id):
        raise NotAllowed("handler.concerned", _("You cannot decide on this request."))
    if request.needs_decision:
        raise NotAllowed("request.undecided", _("Decide on the request: a refusal ends the restriction as well."))
    if of(request) is None:
        raise NotAllowed("restriction.over", _("This restriction has ended already."))
    return _announced(request, actor_key(by), reason)


def turned_down(request: SubjectRequest) -> None:
    """What is refused ends as well, after the same time: the person can still complain while it stands."""
    if of(request) is not None:
        _announced(request, request.decided_by, Ending.VERIFIED if request.kind == Kind.RECTIFICATION else Ending.OVER)


def _announced(request: SubjectRequest, by: str, reason: str) -> Lifting:
    made, is_new = Lifting.objects.get_or_create(
        request=request,
        defaults={"reason": reason, "announced_by": by, "lifts_at": timezone.now() + TOLD_BEFORE},
    )
    if is_new:
        day = made.lifts_at.date().isoformat()
        facts = {"request": str(request.pk), "day": day}
        post("restriction_ends", to=request.subject_id, facts=facts, once=f"restriction-ends:{request.pk}")
        actor = Actor(*by.split(":", 1)) if by else None
        if actor:
            trail.record(
                Action.RESTRICTION_ENDING,
                actor=actor,
                subject_id=request.subject_id,
                case=str(request.pk),
                facts={"reason": str(reason), "day": day},
            )
    return made


def lift_due() -> int:
    """End what was announced long enough ago; whoever ended it themselves was quicker."""
    found = list(Lifting.objects.due().select_related("request"))
    for each in found:
        with transaction.atomic():
            lift(each.request)
            Lifting.objects.filter(pk=each.pk, lifted_at=None).update(lifted_at=timezone.now())
    return len(found)
