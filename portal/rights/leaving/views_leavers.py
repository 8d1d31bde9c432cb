"""What somebody who left reaches with their code, without the company's sign-in: requests, copies, receipts."""

from __future__ import annotations

import json

from django.contrib import messages
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from consent.values import Closed
from portal.audit import trail
from portal.audit.values import Action
from portal.http import rule
from portal.rights import actions as requests
from portal.rights import codes, handling, tasks
from portal.rights.leaving import actions, forms, keepsakes, pages
from portal.rights.leaving.models import AccessCode
from portal.rights.leaving.session import Leaver, begin, end_session, leaver_of, leaver_page, leaver_request
from portal.rights.leaving.values import KEPT
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind, NotAllowed

USE = "leavers"
AWAY = (DatabaseError, OSError, Closed)


@sensitive_post_parameters("code")
@require_http_methods(["GET", "POST"])
@rule("public")
def enter(request: HttpRequest) -> HttpResponse:
    """Take a code and use it up; the answer shows the next one, once."""
    if request.method == "GET":
        return redirect("leavers-mine") if leaver_of(request) else _form(request, forms.CodeForm())
    form = forms.CodeForm(request.POST)
    if codes.too_many(request, USE):
        form.add_error("code", _("Too many codes that open nothing came from here. Try again in an hour."))
        return _form(request, form, status=429)
    if not form.is_valid():
        return _form(request, form, status=422)
    return _let_in(request, form)


def _let_in(request: HttpRequest, form: forms.CodeForm) -> HttpResponse:
    typed = form.cleaned_data["code"]
    if forgotten := actions.of_nobody(typed):
        return render(request, "leaving/kept.html", pages.kept(forgotten) | {"code": typed})
    used = actions.use_code(typed)
    if used is None:
        codes.failed(request, USE)
        form.add_error("code", _("This code opens nothing. It may have been used, replaced, or be over."))
        return _form(request, form, status=422)
    begin(request, used[0])
    return render(request, "leaving/next_code.html", {"code": used[1], "until": used[0].ends_on})


def _form(request: HttpRequest, form: forms.CodeForm, status: int = 200) -> HttpResponse:
    return render(request, "leaving/enter.html", {"form": form}, status=status)


@sensitive_post_parameters("code")
@require_POST
@rule("public")
def kept(request: HttpRequest) -> HttpResponse:
    """Hand over what is kept of a forgotten account; each time the code opens it anew, and nothing remembers it."""
    if codes.too_many(request, USE):
        return _form(request, forms.CodeForm(), status=429)
    name, typed = request.POST.get("name", ""), request.POST.get("code", "")
    code: AccessCode | None = actions.of_nobody(typed)
    file = code.keepsakes.filter(name=name).first() if code and name in KEPT else None
    if file is None:
        codes.failed(request, USE)
        return _form(request, forms.CodeForm(), status=422)
    return _attached(HttpResponse(keepsakes.opened(file, typed), content_type=KEPT[name]), name)


@require_safe
@leaver_page
def mine(request: HttpRequest, me: Leaver) -> HttpResponse:
    return render(request, "leaving/mine.html", pages.mine(me))


@require_POST
@leaver_page
def copy(request: HttpRequest, me: Leaver) -> HttpResponse:
    return _opened(request, me, account=False, kind=Kind.ACCESS)


@require_http_methods(["GET", "POST"])
@leaver_page
def erase(request: HttpRequest, me: Leaver) -> HttpResponse:
    """Show what would go, then ask for it: the data, or the account with everything."""
    if request.method == "GET":
        return render(request, "leaving/erase.html", pages.before_erasing(me))
    return _opened(request, me, account=request.POST.get("account") == "on", kind=Kind.ERASURE)


def _opened(request: HttpRequest, me: Leaver, *, account: bool, kind: str) -> HttpResponse:
    try:
        if account:
            opened = actions.end_account(subject_id=me.subject_id, by=me.actor)
        else:
            opened = requests.open_request(kind=kind, subject_id=me.subject_id, by=me.actor)
    except NotAllowed as error:
        messages.error(request, error.detail)
        return redirect("leavers-mine")
    except Closed:
        return render(request, "closed.html", status=503)
    tasks.nudge(opened.pk)
    return redirect("leavers-request", pk=opened.pk)


@require_safe
@leaver_page
def receipts(request: HttpRequest, me: Leaver) -> HttpResponse:
    body = keepsakes.archive(me.subject_id)
    return _attached(HttpResponse(body, content_type="application/zip"), "receipts.zip")


@require_POST
@leaver_page
def end(request: HttpRequest, me: Leaver) -> HttpResponse:
    end_session(request)
    return redirect(f"{reverse('leavers')}?left=on")


@require_safe
@leaver_request
def request_page(request: HttpRequest, me: Leaver, found: SubjectRequest) -> HttpResponse:
    return render(request, "leaving/request.html", pages.one(found))


@require_GET
@leaver_request
def download(request: HttpRequest, me: Leaver, found: SubjectRequest) -> HttpResponse:
    """Send the archive; the access is committed before a byte leaves, or nothing leaves."""
    try:
        archive = requests.download(request=found, by=me.actor)
    except NotAllowed as error:
        messages.error(request, error.detail)
        return redirect("leavers-request", pk=found.pk)
    except AWAY:
        messages.error(request, _("The access could not be written down, so nothing was sent. Try again later."))
        return redirect("leavers-request", pk=found.pk)
    return _attached(StreamingHttpResponse(archive.chunks, content_type="application/zip"), archive.name, archive.size)


@require_safe
@leaver_request
def certificate(request: HttpRequest, me: Leaver, found: SubjectRequest) -> HttpResponse:
    signed = found.certificate
    if signed is None:
        messages.error(request, _("There is no certificate yet."))
        return redirect("leavers-request", pk=found.pk)
    action = Action.CERTIFICATE_DOWNLOADED
    trail.record(action, actor=me.actor, subject_id=found.subject_id, case=str(found.pk))
    body = json.dumps(signed, ensure_ascii=False, indent=2).encode()
    return _attached(HttpResponse(body, content_type="application/json"), "certificate.json")


@require_POST
@leaver_request
def cancel(request: HttpRequest, me: Leaver, found: SubjectRequest) -> HttpResponse:
    try:
        handling.cancel(request=found, by=me.actor)
        messages.success(request, _("Cancelled. Nothing was deleted and nothing was handed out."))
    except NotAllowed as error:
        messages.error(request, error.detail)
    return redirect("leavers-request", pk=found.pk)


def _attached(answer: HttpResponse, name: str, size: int | None = None) -> HttpResponse:
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["Content-Length"] = str(len(answer.content) if size is None else size)
    answer["Cache-Control"] = "no-store"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
