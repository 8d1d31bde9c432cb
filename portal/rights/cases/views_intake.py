"""Requests that come in from outside: recorded, matched to a person, or closed with an answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent.values import Closed
from portal.audit import trail
from portal.audit.values import Action
from portal.http import View, rule
from portal.people.guards import actor_of
from portal.rights import tasks
from portal.rights.cases import forms, intake, pages
from portal.rights.cases.models import Intake
from portal.rights.cases.thread import GONE
from portal.rights.cases.uploads import is_too_long, takes_files
from portal.rights.cases.values import IntakeState
from portal.rights.cases.views_entries import attached
from portal.rights.values import NotAllowed
from portal.vault.objects import Missing


@takes_files
@require_http_methods(["GET", "HEAD", "POST"])
@rule("perm:requests.handle")
def new(request: HttpRequest) -> HttpResponse:
    """Record what came in by letter, by e-mail or over the telephone."""
    if request.method != "POST":
        return render(request, "cases/new.html", {"form": forms.IntakeForm()})
    form = forms.IntakeForm(request.POST, request.FILES, too_long=is_too_long(request))
    if not form.is_valid():
        return render(request, "cases/new.html", {"form": form}, status=422)
    try:
        found = intake.record(came=form.came(), person=form.cleaned_data["person"], by=actor_of(request))
    except NotAllowed as error:
        form.add_error(FIELDS.get(error.code), error.detail)
        return render(request, "cases/new.html", {"form": form}, status=422)
    except Closed:
        return render(request, "closed.html", status=503)
    messages.success(request, _("Recorded. It counts from the day it arrived."))
    return _to_case(found)


FIELDS = {
    "file.type": "file",
    "file.size": "file",
    "received_at.future": "received_on",
    "handler.concerned": "person",
    "identity.missing": "identity",
}


def _to_case(found: Intake) -> HttpResponse:
    if found.request_id:
        tasks.nudge(found.request_id)
        return redirect("case", pk=found.request_id)
    return redirect("intake", intake_pk=found.pk)


def of_unknown(view: View) -> View:
    """The rule `perm:requests.handle`; one that was matched is led to its case, where it is asked whose it is."""

    @rule("perm:requests.handle")
    @wraps(view)
    def guarded(request: HttpRequest, *, intake_pk: UUID, **more: Any) -> HttpResponse:
        found = get_object_or_404(Intake, pk=intake_pk)
        if found.state == IntakeState.MATCHED:
            return redirect("case", pk=found.request_id)
        return view(request, found, **more)

    return guarded


@require_safe
@of_unknown
def one(request: HttpRequest, found: Intake) -> HttpResponse:
    once = trail.hourly(Action.INTAKE_VIEWED, request.user.pk, found.pk)
    trail.record(Action.INTAKE_VIEWED, actor=actor_of(request), case=str(found.pk), once=once)
    return _page(request, found)


def _page(request: HttpRequest, found: Intake, **bound: Any) -> HttpResponse:
    shown = pages.intake(found, actor_of(request)) | bound
    return render(request, "cases/intake.html", shown, status=422 if bound else 200)


def _done(request: HttpRequest, found: Intake, do: Callable[..., Any], says: str, **how: Any) -> HttpResponse:
    try:
        do(intake=found, by=actor_of(request), **how)
        messages.success(request, says)
    except NotAllowed as error:
        messages.error(request, error.detail)
    return redirect("intake", intake_pk=found.pk)


@require_POST
@of_unknown
def take(request: HttpRequest, found: Intake) -> HttpResponse:
    return _done(request, found, intake.take, _("You have taken this case."))


@require_POST
@of_unknown
def note(request: HttpRequest, found: Intake) -> HttpResponse:
    form = forms.RemarkForm(request.POST, auto_id="note_%s")
    if not form.is_valid():
        return _page(request, found, note_form=form)
    return _done(request, found, intake.note, _("The note is kept."), text=form.cleaned_data["text"])


@require_POST
@of_unknown
def match(request: HttpRequest, found: Intake) -> HttpResponse:
    form = forms.MatchForm(request.POST, auto_id="match_%s")
    if not form.is_valid():
        return _page(request, found, match_form=form)
    try:
        opened = intake.match(intake=found, by=actor_of(request), **form.cleaned_data)
    except NotAllowed as error:
        form.add_error(FIELDS.get(error.code), error.detail)
        return _page(request, found, match_form=form)
    except Closed:
        return render(request, "closed.html", status=503)
    messages.success(request, _("Matched. It is this person's request now, with its date as it was."))
    tasks.nudge(opened.pk)
    return redirect("case", pk=opened.pk)


@require_POST
@of_unknown
def ending(request: HttpRequest, found: Intake) -> HttpResponse:
    form = forms.EndingForm(request.POST)
    if not form.is_valid():
        return _page(request, found, ending_form=form)
    says = _("Written down. It is closed once two people have proposed the same.")
    return _done(request, found, intake.propose_ending, says, ending=form.cleaned_data["ending"])


@require_POST
@of_unknown
def ending_back(request: HttpRequest, found: Intake) -> HttpResponse:
    return _done(request, found, intake.take_ending_back, _("Taken back."))


@require_safe
@of_unknown
def scan(request: HttpRequest, found: Intake, scan_pk: UUID) -> HttpResponse:
    held = get_object_or_404(found.files, pk=scan_pk)
    trail.record(Action.FILE_READ, actor=actor_of(request), case=str(found.pk), facts={"file": str(held.pk)})
    try:
        return attached(held.content, held)
    except (*GONE, Missing, OSError):
        messages.error(request, _("This file can no longer be opened."))
        return redirect("intake", intake_pk=found.pk)
