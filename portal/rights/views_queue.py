"""The queue: requests of others, for those who answer for them. No event is shown here, and no count of events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from consent.values import Closed
from portal.audit import trail
from portal.audit.values import Action
from portal.http import rule
from portal.people.guards import actor_of
from portal.people.subjects import line_of
from portal.rights import forms, handling, pages, tasks
from portal.rights.guards import own_case
from portal.rights.models import SubjectRequest
from portal.rights.values import NotAllowed, State


@require_safe
@rule("perm:requests.handle")
def queue(request: HttpRequest) -> HttpResponse:
    """Look at the queue, which is an act, once an hour."""
    once = trail.hourly(Action.QUEUE_VIEWED, request.user.pk)
    trail.record(Action.QUEUE_VIEWED, actor=actor_of(request), once=once)
    return render(request, "rights/queue.html", pages.queue(request.user, line_of(request.user.pk), request.GET))


@require_safe
@own_case
def case(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    trail.record(
        Action.CASE_VIEWED,
        actor=actor_of(request),
        subject_id=found.subject_id,
        case=str(found.pk),
        once=trail.hourly(Action.CASE_VIEWED, request.user.pk, found.pk),
    )
    return _case(request, found, forms.RefusalForm(kind=found.kind))


def _case(request: HttpRequest, found: SubjectRequest, form: forms.RefusalForm) -> HttpResponse:
    why_not = handling.why_not_handle(found, actor_of(request))
    shown = pages.case(found, why_not, request.user) | {"form": form}
    return render(request, "rights/case.html", shown, status=422 if form.is_bound else 200)


def _decided(
    request: HttpRequest, found: SubjectRequest, decide: Callable[..., SubjectRequest], **how: Any
) -> HttpResponse:
    try:
        decided = decide(request=found, by=actor_of(request), **how)
        messages.success(request, _outcome(decided))
    except NotAllowed as error:
        messages.error(request, error.detail)
    except Closed:
        return render(request, "closed.html", status=503)
    tasks.nudge(found.pk)
    found.refresh_from_db()
    return redirect("queue") if found.is_private else redirect("case", pk=found.pk)


def _outcome(decided: SubjectRequest) -> str:
    if decided.state == State.REFUSED:
        return _("Refused. The person reads the ground and how to complain.")
    if decided.proposed_refusal:
        return _("Proposed. The refusal stands once a second person has signed it off.")
    return _("Approved. The work has begun.")


@require_POST
@own_case
def approve(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    return _decided(request, found, handling.approve)


@require_POST
@own_case
def refuse(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    form = forms.RefusalForm(request.POST, kind=found.kind)
    if not form.is_valid():
        return _case(request, found, form)
    return _decided(request, found, handling.refuse, **form.cleaned_data)


@require_POST
@own_case
def retry(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    return _decided(request, found, handling.retry)
