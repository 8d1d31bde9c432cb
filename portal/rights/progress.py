"""How a request moves on while a worker has it: what the runner writes, each guarded by the fencing token."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from portal.audit import trail
from portal.audit.values import SYSTEM, Action
from portal.rights import bundle, plans
from portal.rights.models import SubjectRequest
from portal.rights.values import State


def finish(request: SubjectRequest) -> None:
    """Close a request whose steps are all done, in the caller's fenced transaction."""
    plan = plans.PLANS[request.plan_name]
    SubjectRequest.objects.held(request).update(
        state=plan.ends, closed_at=Now(), lease_until=None, wake_at=None, failures=0, reason=""
    )
    _act(plan.act, request)
    if request.is_copy:
        bundle.set_expiry(request, timedelta(days=settings.BUNDLE_DAYS))


def wait(request: SubjectRequest, seconds: float) -> None:
    """Let go for some seconds; it costs no attempt."""
    SubjectRequest.objects.held(request).update(
        wake_at=Now() + timedelta(seconds=seconds), lease_until=None, failures=0, reason=""
    )


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
    trail.record(action, actor=SYSTEM, subject_id=request.subject_id, case=str(request.pk))
