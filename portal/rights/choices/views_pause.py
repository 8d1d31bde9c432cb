"""The pause, from the menu of every page: one click to pause, one to end it, and back to where it was pressed."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from consent import ledger
from consent.values import Closed
from portal.http import rule
from portal.people.guards import actor_of
from portal.rights import actions
from portal.rights.choices import pausing


@require_POST
@rule("signed_in")
def pause(request: HttpRequest) -> HttpResponse:
    """Keep nothing from now on; taken also while the site is closed."""
    until = pausing.until(request.POST.get("length", pausing.USUAL), timezone.now())
    actions.pause(subject_id=request.user.pk, until=until, by=actor_of(request, about=request.user.pk))
    if ledger.closed():
        back = pausing.own_path(request.POST.get("next", "/"))
        return render(request, "choices/pending.html", {"until": until, "back": back}, status=202)
    said = _("Paused until %(time)s. What is sent until then is dropped on arrival and does not come back.")
    messages.success(request, said % {"time": pausing.clock(until)})
    return _back(request)


@require_POST
@rule("signed_in")
def resume(request: HttpRequest) -> HttpResponse:
    """End every pause now; it lets something in again, so not while the site is closed."""
    try:
        actions.resume(subject_id=request.user.pk, by=actor_of(request, about=request.user.pk))
    except Closed:
        return render(request, "closed.html", status=503)
    messages.success(request, _("The pause has ended. What you said yes to is accepted again from now on."))
    return _back(request)


def _back(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(pausing.own_path(request.POST.get("next", "/")))
