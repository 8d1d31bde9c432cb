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
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from consent.values import Closed
from portal.audit import trail
from portal.audit.values import Action
from portal.http import rule
from portal.people.guards import actor_of, recent_sign_in, signed_in_recently
from portal.rights import actions, forms, handling, pages, tasks, weighing
from portal.rights.cases import thread
from portal.rights.guards import own_request
from portal.rights.models import SubjectRequest
from portal.rights.stopping import stop_and_erase
from portal.rights.values import COPIES, Format, Kind, NotAllowed

AWAY = (DatabaseError, OSError, Closed)
STATUS = {"bundle.gone": 410, "bundle.used_up": 410, "bundle.not_ready": 409, "bundle.none": 404}


@require_safe
@rule("signed_in")
def requests(request: HttpRequest) -> HttpResponse:
    return _list(request, {})


def _list(request: HttpRequest, bound: dict[str, forms.ScopeForm]) -> HttpResponse:
    """Show the page with its three forms; one that was filled in wrongly says what is wrong."""
    known = forms.known(request.user.pk)
    shown = pages.own_list(request.user, request.GET) | {
        "copy_form": forms.CopyForm(auto_id="copy_%s", known=known),
        "elsewhere_form": forms.CopyForm(auto_id="elsewhere_%s", known=known, initial={"kind": Kind.PORTABILITY}),
        "erase_form": forms.ScopeForm(auto_id="erase_%s", known=known),
    }
    return render(request, "rights/requests.html", shown | bound, status=422 if bound else 200)


@require_POST
@rule("signed_in")
def copy(request: HttpRequest) -> HttpResponse:
    """Open a request for a copy; nothing but the click is needed. Whoever wants to look first is led there."""
    name = "elsewhere" if request.POST.get("kind") == Kind.PORTABILITY else "copy"
    form = forms.CopyForm(request.POST, auto_id=f"{name}_%s", known=forms.known(request.user.pk))
    if not form.is_valid():
        return _list(request, {f"{name}_form": form})
    given, scope = form.cleaned_data, form.scope()
    kind = given["kind"] or Kind.ACCESS
    if "look" in request.POST:
        return HttpResponseRedirect(f"{reverse('look')}?{forms.address_of(scope, kind=kind, format=given['format'])}")
    return opened(request, actions.open_request, kind=kind, scope=scope, format=given["format"])


@require_http_methods(["GET", "POST"])
@rule("signed_in")
def look(request: HttpRequest) -> HttpResponse:
    """Say what would be in a copy before it is made; the button comes to the same address."""
    scope = forms.asked(request.GET)
    kind, format = request.GET.get("kind", Kind.ACCESS), request.GET.get("format", Format.CSV)
    if scope is None or kind not in COPIES or format not in Format.values:
        return redirect("requests")
    if request.method == "POST":
        return opened(request, actions.open_request, kind=kind, scope=scope, format=format)
    would = weighing.copy(request.user.pk, kind, scope)
    shown = pages.counted(would.counted, would.exact) | {
        "scope": pages.scope_words(scope, {}, request.user.pk),
        "kind": Kind(kind),
        "format": Format(format).label,
        "beside": would.beside,
    }
    return render(request, "rights/look.html", shown)


@require_POST
@rule("signed_in")
def erase(request: HttpRequest) -> HttpResponse:
    """Lead to the page that says what would go; nothing has happened yet."""
    form = forms.ScopeForm(request.POST, auto_id="erase_%s", known=forms.known(request.user.pk))
    if not form.is_valid():
        return _list(request, {"erase_form": form})
    return HttpResponseRedirect(f"{reverse('confirm')}?{forms.address_of(form.scope())}")


@require_http_methods(["GET", "POST"])
@rule("signed_in")
def confirm(request: HttpRequest) -> HttpResponse:
    """Show what would go and stay; the confirmation comes to the same address, so a late sign-in leads back here."""
    if request.GET.get("last") == "hour":
        # The hour before this click, not before the one that confirms.
        return HttpResponseRedirect(f"{reverse('confirm')}?{forms.address_of(forms.last_hour())}")
    scope = forms.asked(request.GET)
    if scope is None:
        return redirect("requests")
    if request.method == "POST":
        return _confirmed(request)
    shown = pages.dry(actions.dry_run(subject_id=request.user.pk, scope=scope))
    shown |= {
        "scope": pages.scope_words(scope, {}, request.user.pk),
        "everything": scope == actions.EVERYTHING,
        "recent": signed_in_recently(request),
    }
    return render(request, "rights/confirm.html", shown)


@recent_sign_in
def _confirmed(request: HttpRequest) -> HttpResponse:
    scope = forms.asked(request.GET) or actions.EVERYTHING
    if request.POST.get("stop") == "on" and scope == actions.EVERYTHING:
        return opened(request, stop_and_erase)
    return opened(request, actions.open_request, kind=Kind.ERASURE, scope=scope)


def opened(request: HttpRequest, action: Callable[..., SubjectRequest], **asked: Any) -> HttpResponse:
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


@require_GET
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
        messages.success(request, pages.cancelled(found))
    except NotAllowed as error:
        messages.error(request, error.detail)
    except Closed:
        return render(request, "closed.html", status=503)
    return redirect("request", pk=found.pk)
