"""How a request moves on while a worker has it: what the runner writes, each guarded by the fencing token."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction

from portal.audit import trail
from portal.audit.values import SYSTEM, Action
from portal.rights import handing, holding, joining, kept, leases, plans
from portal.rights.holds.models import HeldRequest
from portal.rights.models import SubjectRequest

NOW = "statement_timestamp()"
LET_GO = "lease_until = NULL, wake_at = NULL"
LATER = f"lease_until = NULL, wake_at = {NOW} + make_interval(secs => %(seconds)s)"


def finish(request: SubjectRequest) -> None:
    """Close a request whose steps are all done, in the caller's fenced transaction."""
    plan = plans.PLANS[request.plan_name]
    state, reason = holding.outcome(request, plan.ends)
    ended = f"state = %(state)s, closed_at = {NOW}, {LET_GO}, failures = 0, reason = %(reason)s"
    leases.write(request, ended, state=state, reason=reason)
    # What was joined to it ends with it, and whoever asked is told of theirs.
    for each in joining.every(request):
        _act(plan.act, each)
        kept.keep_saved(each)
    if request.is_copy:
        handing.set_expiry(request, timedelta(days=settings.BUNDLE_DAYS))


def wait(request: SubjectRequest, seconds: float) -> None:
    """Let go for some seconds; it costs no attempt."""
    leases.write(request, f"{LATER}, failures = 0, reason = ''", seconds=seconds)


def stop_for_hold(request: SubjectRequest, reason: str, ground: str) -> None:
    """Stop because of a legal hold, with the fence left up; the sweep goes on once the hold has ended."""
    stopped = f"state = 'on_hold', {LET_GO}, failures = 0, reason = %(reason)s, reason_code = %(ground)s"
    with transaction.atomic():
        if leases.write(request, stopped, reason=reason, ground=ground):
            HeldRequest.objects.update_or_create(request=request, defaults={"settled": False})
            holding.keep_fence(request)
            _act(Action.REQUEST_HELD, request)
            kept.keep(request)


def try_later(request: SubjectRequest, seconds: float, reason: str) -> None:
    leases.write(request, f"{LATER}, reason = %(reason)s", seconds=seconds, reason=reason)


def give_up(request: SubjectRequest, reason: str) -> None:
    """Say that somebody has to look; nothing is ever silently half done."""
    with transaction.atomic():
        if leases.write(request, f"state = 'needs_attention', {LET_GO}, reason = %(reason)s", reason=reason):
            _act(Action.REQUEST_STUCK, request)


def _act(action: Action, request: SubjectRequest) -> None:
    trail.record(action, actor=SYSTEM, subject_id=request.known_subject, case=str(request.pk))
