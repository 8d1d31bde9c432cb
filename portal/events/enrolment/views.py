"""The page on which a person confirms the code that a collector shows, seeing what it would collect."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from consent.values import Closed
from portal import limits
from portal.events.enrolment import actions, joining, pending, showing
from portal.events.enrolment.forms import DeviceForm, form_of
from portal.events.enrolment.pending import Pending
from portal.http import Problem, rule
from portal.people import subjects
from portal.people.guards import actor_of, refuse
from portal.register.models import Source

CODES_PER_MINUTE = 10


@require_http_methods(["GET", "HEAD", "POST"])
@rule("signed_in")
def confirm(request: HttpRequest) -> HttpResponse:
    """Show what a collector that shows a code would collect, and take the answer."""
    given = request.POST if request.method == "POST" else request.GET
    code = given.get("code", "").strip()[:32]
    if not code:
        return render(request, "enrolment/code.html", {})
    try:
        limits.check("codes", str(request.user.pk), CODES_PER_MINUTE)
    except Problem as problem:
        return _asked_again(
            request, code, _("Too many codes in a minute. Wait a little, then try again."), problem.status
        )
    found = pending.find(code)
    if found is None:
        return _asked_again(request, code, _("This code is not known, was answered already, or has run out."), 200)
    _only_for(request, found)
    return (
        _answered(request, found) if request.method == "POST" else _shown(request, found, _first_form(request, found))
    )


def _asked_again(request: HttpRequest, code: str, wrong: str, status: int) -> HttpResponse:
    return render(request, "enrolment/code.html", {"code": code, "wrong": wrong}, status=status)


def _only_for(request: HttpRequest, found: Pending) -> None:
    """Keep everybody out but the person whom the collector was set up for; they see that somebody tried."""
    if not found.is_for(request.user):
        other = subjects.find(found.employee)
        if other is None:
            raise Http404
        refuse(request, other.pk)


def _first_form(request: HttpRequest, found: Pending) -> DeviceForm:
    """Ask anew only of a device that the person has said nothing of yet."""
    if known := joining.known_device(request.user.pk, found.said):
        return form_of(known, known.opened().name)
    return DeviceForm(initial={"name": found.said.device, "ownership": found.said.ownership})


def _shown(request: HttpRequest, found: Pending, form: DeviceForm) -> HttpResponse:
    shown = {"found": found, "form": form, "uses": _uses(request, found.source)}
    return render(request, "enrolment/confirm.html", shown)


def _uses(request: HttpRequest, source: Source) -> list[showing.Use]:
    return showing.uses(request.user, source, get_language() or "en")


def _answered(request: HttpRequest, found: Pending) -> HttpResponse:
    by = actor_of(request, about=request.user.pk)
    if request.POST.get("action") == "deny":
        pending.settle(found, request.user, yes=False)
        actions.refuse(subject_id=request.user.pk, source=found.source.key, by=by)
        messages.success(request, _("Refused. The collector gets no access, and nothing of it is accepted."))
        return redirect("devices")
    form = DeviceForm(request.POST)
    if request.POST.get("action") != "confirm" or not form.is_valid():
        return _shown(request, found, form)
    try:
        about = {"source": found.source.key, "said": found.said, "chosen": form.chosen}
        fetched = {"code": found.device_code, "fetch_until": found.until}
        actions.approve(subject_id=request.user.pk, **about, **fetched, by=by)
    except Closed:
        return render(request, "closed.html", status=503)
    except actions.NotPossible:
        return _asked_again(request, found.user_code, _("This code was confirmed already."), 200)
    pending.settle(found, request.user, yes=True)
    messages.success(request, _("Connected. It may send what you have said yes to, and nothing else."))
    return redirect("devices")
