"""The queue and a case: requests of others, for those who answer for them. No event is shown, and no count of them."""

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
from portal.rights import handling, holding, tasks
from portal.rights.cases import actions, pages
from portal.rights.cases import queue as listing
from portal.rights.forms import RefusalForm
from portal.rights.guards import own_case
from portal.rights.models import SubjectRequest
from portal.rights.values import NotAllowed, State


@require_safe
@rule("perm:requests.handle")
def queue(request: HttpRequest) -> HttpResponse:
    """Look at the queue, which is an act, once an hour."""
    once = trail.hourly(Action.QUEUE_VIEWED, request.user.pk)
    trail.record(Action.QUEUE_VIEWED, actor=actor_of(request), once=once)
    return render(request, "cases/queue.html", listing.shown(request.user, line_of(request.user.pk), request.GET))


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
    return page(request, found)


def page(request: HttpRequest, found: SubjectRequest, **bound: Any) -> HttpResponse:
    """Show a case; with a form that was filled in wrongly, say what is wrong with it."""
    by = actor_of(request)
    shown = pages.case(found, handling.why_not_handle(found, by), request.user, by) | bound
    return render(request, "cases/case.html", shown, status=422 if bound else 200)


def done(request: HttpRequest, found: SubjectRequest, do: Callable[..., Any], says: str, **how: Any) -> HttpResponse:
    """Call one action and lead back to the case with its outcome."""
    try:
        do(request=found, by=actor_of(request), **how)
        messages.success(request, says)
    except NotAllowed as error:
        messages.error(request, error.detail)
    return _back(found)


def _back(found: SubjectRequest) -> HttpResponse:
    """Lead to the case, or to the queue once the case is nobody's to look at."""
    found.refresh_from_db()
    return redirect("queue") if found.is_private else redirect("case", pk=found.pk)


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
    tasks.nudge(found.lead.pk)
    return _back(found)


def _outcome(decided: SubjectRequest) -> str:
    if decided.state == State.REFUSED:
        return _("Refused. The person reads the ground and how to complain.")
    if decided.proposed_refusal:
        return _("Proposed. The refusal stands once a second person has signed it off.")
    if decided.state == State.ON_HOLD:
        return _("Approved. A legal hold keeps all of it: it goes by itself when the hold ends.")
    if holding.holds_on(decided):
        return _("Your approval is kept. A legal hold touches this, so that a second person approves as well.")
    if decided.needs_decision:
        return _("Taken back. The request waits to be decided.")
    return _("Done.") if not decided.is_open else _("Approved. The work has begun.")


@require_POST
@own_case
def approve(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    return _decided(request, found, handling.approve)


@require_POST
@own_case
def refuse(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    form = RefusalForm(request.POST, kind=found.kind)
    if not form.is_valid():
        return page(request, found, form=form)
    return _decided(request, found, handling.refuse, **form.cleaned_data)


@require_POST
@own_case
def take_back(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    return _decided(request, found, handling.take_back)


@require_POST
@own_case
def retry(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    answer = done(request, found, handling.retry, _("It goes on."))
    tasks.nudge(found.lead.pk)
    return answer


@require_POST
@own_case
def take(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    return done(request, found, actions.take, _("You have taken this case."))


@require_POST
@own_case
def let_go(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    return done(request, found, actions.let_go, _("The case is back in the queue."))
