"""How a request moves on while a worker has it: what the runner writes, each guarded by the fencing token."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from portal.audit import trail
from portal.audit.values import SYSTEM, Action
from portal.rights import handing, holding, joining, kept, plans
from portal.rights.holds.models import HeldRequest
from portal.rights.models import SubjectRequest
from portal.rights.values import State


def finish(request: SubjectRequest) -> None:
    """Close a request whose steps are all done, in the caller's fenced transaction."""
    plan = plans.PLANS[request.plan_name]
    state, reason = holding.outcome(request, plan.ends)
    SubjectRequest.objects.held(request).update(
        state=state, closed_at=Now(), lease_until=None, wake_at=None, failures=0, reason=reason
    )
    # What was joined to it ends with it, and whoever asked is told of theirs.
    for each in joining.every(request):
        _act(plan.act, each)
        kept.keep(each)
    if request.is_copy:
        handing.set_expiry(request, timedelta(days=settings.BUNDLE_DAYS))


def wait(request: SubjectRequest, seconds: float) -> None:
    """Let go for some seconds; it costs no attempt."""
    SubjectRequest.objects.held(request).update(
        wake_at=Now() + timedelta(seconds=seconds), lease_until=None, failures=0, reason=""
    )


def stop_for_hold(request: SubjectRequest, reason: str, ground: str) -> None:
    """Stop because of a legal hold, with the fence left up; the sweep goes on once the hold has ended."""
    with transaction.atomic():
        held = SubjectRequest.objects.held(request)
        stopped = {"state": State.ON_HOLD, "lease_until": None, "wake_at": None, "failures": 0}
        if held.update(**stopped, reason=reason, reason_code=ground):
            HeldRequest.objects.update_or_create(request=request, defaults={"settled": False})
            holding.keep_fence(request)
            _act(Action.REQUEST_HELD, request)
            kept.keep(request)


def try_later(request: SubjectRequest, seconds: float, reason: str) -> None:
    SubjectRequest.objects.held(request).update(
        wake_at=Now() + timedelta(seconds=seconds), lease_until=None, reason=reason
    )


def give_up(request: SubjectRequest, reason: str) -> None:
    """Say that somebody has to look; nothing is ever silently half done."""
    with transaction.atomic():
        held = SubjectRequest.objects.held(request)
        if held.update(state=State.NEEDS_ATTENTION, lease_until=None, wake_at=None, reason=reason):
            _act(Action.REQUEST_STUCK, request)


def _act(action: Action, request: SubjectRequest) -> None:
    trail.record(action, actor=SYSTEM, subject_id=request.known_subject, case=str(request.pk))
