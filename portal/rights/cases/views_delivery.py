"""Copies for people without an account: halves of a code for the letters, and the page where the code opens a copy."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from consent.values import Closed
from portal.http import rule
from portal.people.guards import actor_of
from portal.rights import codes
from portal.rights.cases import delivery, forms
from portal.rights.cases.models import HandOver
from portal.rights.cases.views import done
from portal.rights.guards import own_case
from portal.rights.models import SubjectRequest
from portal.rights.values import NotAllowed

AWAY = (DatabaseError, OSError, Closed)
USE = "fetch"


@require_POST
@own_case
def make(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    return done(request, found, delivery.make, _("The code is made. Two of you pass on one half each."))


@require_POST
@own_case
def end(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    return done(request, found, delivery.end, _("The code opens nothing any more."))


@require_POST
@own_case
def half(request: HttpRequest, found: SubjectRequest, half: str) -> HttpResponse:
    """Show one half, once, as a letter to print or to read out; it is in no address and no cache."""
    try:
        shown = delivery.show(request=found, half=half, by=actor_of(request))
    except NotAllowed as error:
        messages.error(request, error.detail)
        return redirect("case", pk=found.pk)
    code = HandOver.objects.usable().filter(request=found).first()
    until = code.expires_at if code else None
    said = {"subject_request": found, "half": half, "shown": shown, "until": until, "origin": settings.ORIGIN}
    return render(request, "cases/half.html", said)


@require_http_methods(["GET", "HEAD", "POST"])
@rule("public")
def fetch(request: HttpRequest) -> HttpResponse:
    """Open exactly the copy that the code stands for."""
    if request.method != "POST":
        return render(request, "cases/fetch.html", {"form": forms.CodeForm()})
    form = forms.CodeForm(request.POST)
    if codes.too_many(request, USE):
        form.is_valid()
        form.add_error(None, _("Too many wrong codes came from here. Wait an hour."))
        return render(request, "cases/fetch.html", {"form": form}, status=429)
    if not form.is_valid():
        return render(request, "cases/fetch.html", {"form": form}, status=422)
    return _fetched(request, form)


def _fetched(request: HttpRequest, form: forms.CodeForm) -> HttpResponse:
    try:
        archive = delivery.fetch(form.code())
    except NotAllowed as error:
        codes.failed(request, USE)
        form.add_error(None, error.detail)
        return render(request, "cases/fetch.html", {"form": form}, status=422)
    except AWAY:
        form.add_error(None, _("The copy cannot be handed out just now. Try again in some minutes."))
        return render(request, "cases/fetch.html", {"form": form}, status=503)
    answer = StreamingHttpResponse(archive.chunks, content_type="application/zip")
    answer["Content-Disposition"] = f'attachment; filename="{archive.name}"'
    answer["Content-Length"] = str(archive.size)
    answer["Cache-Control"] = "no-store"
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
