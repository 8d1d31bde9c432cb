"""Removes copies: when their time is over, and when data that they hold is erased."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils.translation import gettext as _

from portal.audit import trail
from portal.audit.values import SYSTEM, Action
from portal.rights import bundle, handing
from portal.rights.models import Bundle, StepRun, SubjectRequest
from portal.rights.values import State, StepState
from portal.vault import objects

FINISHED = (State.READY, State.DELIVERED, State.EXPIRED)


def expire() -> int:
    """Remove the archives whose time is over, with their keys, and objects that belong to none; return how many."""
    over = list(Bundle.objects.filter(expires_at__lte=Now()).select_related("request"))
    for each in over:
        remove_copy(each.request, _why(each))
    for name in bundle.orphans():
        objects.delete(name)
    return len(over)


def _why(over: Bundle) -> str:
    if handing.downloads_left(over):
        return _("The time to fetch it is over.")
    return _("It was fetched three times, which is as often as a copy can be.")


def remove_copy(request: SubjectRequest, reason: str) -> None:
    """Remove a finished archive and say why; safe to repeat."""
    with transaction.atomic():
        finished = SubjectRequest.objects.filter(pk=request.pk, state__in=[State.READY, State.DELIVERED])
        if finished.update(state=State.EXPIRED, reason=reason):
            trail.record(Action.REQUEST_EXPIRED, actor=SYSTEM, subject_id=request.subject_id, case=str(request.pk))
    bundle.remove_of(request)


def call_back(request: SubjectRequest, reason: str) -> None:
    """Remove a copy that holds what is being erased; one that is being made begins again afterwards."""
    if request.state in FINISHED:
        remove_copy(request, reason)
        return
    with transaction.atomic():
        # The newer token keeps the worker that is at it from writing anything more.
        SubjectRequest.objects.filter(pk=request.pk).update(
            attempt=F("attempt") + 1, lease_until=None, wake_at=None, failures=0
        )
        StepRun.objects.filter(request=request).update(state=StepState.PENDING, cursor={}, done=0, total=0)
    bundle.remove_of(request)
