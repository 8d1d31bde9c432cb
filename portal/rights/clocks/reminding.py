"""Confirms receipts, moves the dates of those who wait, and reminds: no mail names a person or what they asked."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.utils import timezone

from portal.audit.values import SYSTEM, Action
from portal.outbox import actions as outbox
from portal.people.holders import holders
from portal.people.roles import Role
from portal.people.subjects import line_of
from portal.rights.clocks import reckoning
from portal.rights.clocks.models import Clarification
from portal.rights.clocks.reading import RECEIVED, once
from portal.rights.clocks.values import REMINDED
from portal.rights.models import SubjectRequest
from portal.rights.opening import act
from portal.rights.values import Kind, OpenedBy

DUE, OVERDUE, LATE = "request_due", "request_overdue", "request_late"
# The dates of two places differ by a day at most.
EITHER_WAY = timedelta(days=1)


def confirm_receipts() -> int:
    """Tell whoever did not ask on the pages that their request is here, once; California wants it in 10 days."""
    sent = 0
    for request in SubjectRequest.objects.open().filter(opened_by__in=[OpenedBy.STAFF, OpenedBy.CLIENT]):
        facts = {"request": str(request.pk), "due": request.due.isoformat()}
        if outbox.post(RECEIVED, to=request.subject_id, facts=facts, once=once(request)):
            act(Action.REQUEST_ACKNOWLEDGED, request, SYSTEM, once=True)
            sent += 1
    return sent


def move_waiting() -> None:
    """Count today among the days of waiting, where they do not count."""
    for each in Clarification.objects.open().stopping().select_related("request"):
        reckoning.recount(each.request)


def remind() -> int:
    """Write to those who handle requests 7, 3 and 1 days before and once when it is over: to the person first then."""
    horizon = timezone.now().date() + timedelta(days=max(REMINDED)) + EITHER_WAY
    found = SubjectRequest.objects.open().filter(due__lte=horizon, joined_to=None).order_by("due")
    return sum(_remind(request) for request in found)


def _remind(request: SubjectRequest) -> int:
    left = (request.due - reckoning.today_of(request)).days
    facts = {"request": str(request.pk), "due": request.due.isoformat()}
    mark = f"{request.pk}:{request.due}"
    if left < 0:
        told = outbox.post(LATE, to=request.subject_id, facts=facts, once=f"{LATE}:{mark}")
        return int(told is not None) + _to_handlers(OVERDUE, request, facts, f"{OVERDUE}:{mark}")
    reached = [days for days in REMINDED if left <= days]
    if not reached:
        return 0
    return _to_handlers(DUE, request, facts | {"days": left}, f"{DUE}:{min(reached)}:{mark}")


def _to_handlers(template: str, request: SubjectRequest, facts: dict[str, str | int], mark: str) -> int:
    posted = (outbox.post(template, to=each, facts=facts, once=f"{mark}:{each}") for each in handlers(request))
    return sum(mail is not None for mail in posted)


def handlers(request: SubjectRequest) -> Iterable[UUID]:
    """Return who may handle it: nobody of the person's own line, and nobody for what is private."""
    if request.is_private:
        return []
    roles = (Role.LEGAL,) if request.kind == Kind.OBJECTION else (Role.HR, Role.LEGAL)
    apart = line_of(request.subject_id) | {request.subject_id}
    return [each for each in holders(*roles) if each not in apart]
