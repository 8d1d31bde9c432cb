"""Pages of legal holds: for legal those on others, for everybody those on their own data."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent.values import Closed
from portal.audit import trail
from portal.audit.values import Action
from portal.http import View, rule
from portal.people.guards import actor_of, recent_sign_in, refuse
from portal.people.models import Employee
from portal.people.subjects import in_line, line_of
from portal.rights import releasing, tasks
from portal.rights.holds import actions, pages
from portal.rights.holds.forms import HoldForm, Until
from portal.rights.holds.models import Hold
from portal.rights.models import SubjectRequest
from portal.rights.values import NotAllowed


def _others_hold(view: View) -> View:
    """The rule `perm:holds.handle`, for a hold that concerns neither oneself nor one's own line."""

    @rule("perm:holds.handle")
    @wraps(view)
    def guarded(request: HttpRequest, *, hold_id: UUID) -> HttpResponse:
        found = Hold.objects.filter(pk=hold_id).first()
        if found is None:
            raise Http404
        if in_line(request.user.pk, found.subject_id):
            refuse(request, found.subject_id)
        return view(request, found)

    return guarded


@require_safe
@rule("perm:holds.handle")
def holds(request: HttpRequest) -> HttpResponse:
    return render(request, "holds/holds.html", pages.listed(line_of(request.user.pk), request.user, request.GET))


@require_http_methods(["GET", "POST"])
@rule("perm:holds.handle")
@recent_sign_in
def place(request: HttpRequest) -> HttpResponse:
    form = HoldForm(request.POST) if request.method == "POST" else HoldForm(initial=_of_case(request))
    if form.is_bound and form.is_valid():
        return _placed(request, form)
    return render(request, "holds/place.html", {"form": form}, status=422 if form.is_bound else 200)


def _of_case(request: HttpRequest) -> dict[str, str]:
    """Fill in whose request somebody came from, unless it is none of theirs."""
    try:
        found = SubjectRequest.objects.filter(pk=UUID(request.GET.get("case", ""))).first()
    except ValueError:
        return {}
    if found is None or in_line(request.user.pk, found.subject_id):
        return {}
    person = Employee.objects.filter(pk=found.subject_id).first()
    return {"people": person.employee_number} if person else {}


def _placed(request: HttpRequest, form: HoldForm) -> HttpResponse:
    given = form.cleaned_data
    named = {name: given[name] for name in ("matter", "ground", "legal_basis", "reason")}
    try:
        with transaction.atomic():
            # Always in the same order: each takes a person's gate row.
            for person in sorted(given["people"], key=lambda each: each.pk):
                actions.place(
                    subject_id=person.pk, scope=form.scope(), until=form.ends(), by=actor_of(request), **named
                )
    except NotAllowed as error:
        form.add_error(None, error.detail)
        return render(request, "holds/place.html", {"form": form}, status=422)
    messages.success(
        request, _("Placed. It counts from now on, and lapses in a week unless somebody else confirms it.")
    )
    return redirect("holds")


@require_safe
@_others_hold
def hold(request: HttpRequest, found: Hold) -> HttpResponse:
    once = trail.hourly(Action.HOLD_VIEWED, request.user.pk, found.pk)
    facts = {"hold": str(found.pk)}
    trail.record(Action.HOLD_VIEWED, actor=actor_of(request), subject_id=found.subject_id, facts=facts, once=once)
    return _hold(request, found, Until(auto_id="renew_%s"))


def _hold(request: HttpRequest, found: Hold, form: Until) -> HttpResponse:
    shown = pages.one(found, request.user) | {"form": form}
    return render(request, "holds/hold.html", shown, status=422 if form.is_bound else 200)


def _done(request: HttpRequest, found: Hold, action: Callable[..., Hold], says: str, **how: Any) -> HttpResponse:
    try:
        kept = action(hold=found, by=actor_of(request), **how)
        messages.success(request, says)
    except NotAllowed as error:
        messages.error(request, error.detail)
        kept = found
    return redirect("hold", hold_id=kept.pk)


@require_POST
@_others_hold
@recent_sign_in
def confirm(request: HttpRequest, found: Hold) -> HttpResponse:
    return _done(request, found, actions.confirm, _("Confirmed. It stands until its end."))


@require_POST
@_others_hold
@recent_sign_in
def release(request: HttpRequest, found: Hold) -> HttpResponse:
    """End a hold; what it had stopped is woken here, and by the sweep if this is lost."""
    try:
        answer = _done(request, found, actions.release, _("Released. Deletions that it stopped go on by themselves."))
        for request_id in releasing.go_on():
            tasks.nudge(request_id)
    except Closed:
        return render(request, "closed.html", status=503)
    return answer


@require_POST
@_others_hold
@recent_sign_in
def renew(request: HttpRequest, found: Hold) -> HttpResponse:
    form = Until(request.POST, auto_id="renew_%s")
    if not form.is_valid():
        return _hold(request, found, form)
    says = _("Renewed: a new hold stands beside this one, for somebody else to confirm.")
    return _done(request, found, actions.renew, says, until=form.ends())


@require_safe
@rule("signed_in")
def mine(request: HttpRequest) -> HttpResponse:
    """Show everybody what has to stay of their own data, why, and until when."""
    return render(request, "holds/mine.html", pages.mine(request.user))
