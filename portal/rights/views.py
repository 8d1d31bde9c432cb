"""Requests as the person sees them: ask for a copy or a deletion, follow it, fetch it, take it back."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent.values import Closed
from portal.audit import trail
from portal.audit.values import Action
from portal.http import rule
from portal.people.guards import actor_of, recent_sign_in, signed_in_recently
from portal.rights import actions, forms, handling, pages, tasks
from portal.rights.cases import thread
from portal.rights.guards import own_request
from portal.rights.models import SubjectRequest
from portal.rights.stopping import stop_and_erase
from portal.rights.values import Kind, NotAllowed

AWAY = (DatabaseError, OSError, Closed)
STATUS = {"bundle.gone": 410, "bundle.not_ready": 409, "bundle.none": 404}


@require_safe
@rule("signed_in")
def requests(request: HttpRequest) -> HttpResponse:
    return _list(request, forms.CopyForm(auto_id="copy_%s"), forms.ScopeForm(auto_id="erase_%s"))


def _list(request: HttpRequest, copy_form: forms.CopyForm, erase_form: forms.ScopeForm) -> HttpResponse:
    wrong = copy_form.is_bound or erase_form.is_bound
    shown = pages.own_list(request.user, request.GET) | {"copy_form": copy_form, "erase_form": erase_form}
    return render(request, "rights/requests.html", shown, status=422 if wrong else 200)


@require_POST
@rule("signed_in")
def copy(request: HttpRequest) -> HttpResponse:
    """Open a request for a copy; nothing but the click is needed."""
    form = forms.CopyForm(request.POST, auto_id="copy_%s")
    if not form.is_valid():
        return _list(request, form, forms.ScopeForm(auto_id="erase_%s"))
    wanted = {"scope": form.scope(), "format": form.cleaned_data["format"]}
    return _opened(request, actions.open_request, kind=Kind.ACCESS, **wanted)


@require_POST
@rule("signed_in")
def erase(request: HttpRequest) -> HttpResponse:
    """Lead to the page that says what would go; nothing has happened yet."""
    form = forms.ScopeForm(request.POST, auto_id="erase_%s")
    if not form.is_valid():
        return _list(request, forms.CopyForm(auto_id="copy_%s"), form)
    return HttpResponseRedirect(f"{reverse('confirm')}?{forms.address_of(form.scope())}")


@require_http_methods(["GET", "POST"])
@rule("signed_in")
def confirm(request: HttpRequest) -> HttpResponse:
    """Show what would go and stay; the confirmation comes to the same address, so a late sign-in leads back here."""
    scope = forms.asked(request.GET)
    if scope is None:
        return redirect("requests")
    if request.method == "POST":
        return _confirmed(request)
    shown = pages.dry(actions.dry_run(subject_id=request.user.pk, scope=scope))
    shown |= {
        "scope": pages.scope_words(scope, {}),
        "everything": scope == actions.EVERYTHING,
        "recent": signed_in_recently(request),
    }
    return render(request, "rights/confirm.html", shown)


@recent_sign_in
def _confirmed(request: HttpRequest) -> HttpResponse:
    scope = forms.asked(request.GET) or actions.EVERYTHING
    if request.POST.get("stop") == "on" and scope == actions.EVERYTHING:
        return _opened(request, stop_and_erase)
    return _opened(request, actions.open_request, kind=Kind.ERASURE, scope=scope)


def _opened(request: HttpRequest, action: Callable[..., SubjectRequest], **asked: Any) -> HttpResponse:
    me = request.user.pk
    try:
        opened = action(subject_id=me, by=actor_of(request, about=me), **asked)
    except NotAllowed as error:
        messages.error(request, error.detail)
        return redirect("requests")
    except Closed:
        return render(request, "closed.html", status=503)
    tasks.nudge(opened.pk)
    return redirect("request", pk=opened.pk)


@require_safe
@own_request
def request_page(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    """How far it is; a poll by htmx gets the moving part alone."""
    if request.htmx:
        return render(request, "rights/_progress.html", pages.one(found))
    return render(request, "rights/request.html", pages.one(found) | thread.for_person(found))


@require_safe
@own_request
@recent_sign_in
def download(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    """Send the archive; the access is committed before a byte leaves, or nothing leaves."""
    try:
        archive = actions.download(request=found, by=actor_of(request, about=found.subject_id))
    except NotAllowed as error:
        shown = {"subject_request": found, "detail": error.detail}
        return render(request, "rights/no_copy.html", shown, status=STATUS.get(error.code, 409))
    except AWAY:
        return render(request, "rights/unwritten.html", {"subject_request": found}, status=503)
    answer = StreamingHttpResponse(archive.chunks, content_type="application/zip")
    return _attached(answer, archive.name, archive.size)


@require_safe
@own_request
def certificate(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    signed = found.certificate
    if signed is None:
        return render(request, "rights/no_certificate.html", {"subject_request": found}, status=409)
    trail.record(
        Action.CERTIFICATE_DOWNLOADED,
        actor=actor_of(request, about=found.subject_id),
        subject_id=found.subject_id,
        case=str(found.pk),
    )
    body = json.dumps(signed, ensure_ascii=False, indent=2).encode()
    return _attached(HttpResponse(body, content_type="application/json"), "certificate.json", len(body))


def _attached(answer: HttpResponse, name: str, size: int) -> HttpResponse:
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Content-Length"] = str(size)
    answer["Cache-Control"] = "no-store"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


@require_POST
@own_request
def cancel(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    try:
        handling.cancel(request=found, by=actor_of(request, about=found.subject_id))
        messages.success(request, _("Cancelled. Nothing was deleted and nothing was handed out."))
    except NotAllowed as error:
        messages.error(request, error.detail)
    return redirect("request", pk=found.pk)
