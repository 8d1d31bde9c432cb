"""How long things are kept, for the person; and for those who watch, whether the nightly deletion runs."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from portal.audit import trail
from portal.audit.values import Action
from portal.events import words
from portal.http import rule
from portal.people.guards import actor_of
from portal.rights.retention import actions, forms, proving, reading, telling
from portal.rights.values import NotAllowed


@require_safe
@rule("signed_in")
def retention(request: HttpRequest) -> HttpResponse:
    return render(request, "retention/retention.html", reading.page(request.user))


@require_safe
@rule("signed_in")
def certificates(request: HttpRequest) -> HttpResponse:
    """Hand out the signed certificates of the months that are over."""
    by = actor_of(request, about=request.user.pk)
    trail.record(Action.CERTIFICATE_DOWNLOADED, actor=by, subject_id=request.user.pk, case="retention")
    answer = JsonResponse({"certificates": proving.of(request.user.pk)}, json_dumps_params={"indent": 2})
    answer["Content-Disposition"] = 'attachment; filename="deleted-on-time.json"'
    answer["Cache-Control"] = "no-store"
    return answer


@require_POST
@rule("signed_in")
def shorten(request: HttpRequest) -> HttpResponse:
    """Keep a category for fewer days, at once."""
    form = forms.ShortenForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose a number of days."))
        return redirect("retention")
    category, days = form.cleaned_data["category"], form.cleaned_data["days"]
    try:
        actions.shorten(
            employee=request.user, category=category, days=days, by=actor_of(request, about=request.user.pk)
        )
    except NotAllowed as error:
        messages.error(request, error.detail)
        return redirect("retention")
    said = {"what": words.category(category), "days": days}
    messages.success(request, _("%(what)s: kept for %(days)d days from now on. What is older goes now.") % said)
    return redirect("retention")


@require_POST
@rule("signed_in")
def take_back(request: HttpRequest) -> HttpResponse:
    """End a shorter time for what is collected from tomorrow on."""
    form = forms.CategoryForm(request.POST)
    try:
        if form.is_valid():
            by = actor_of(request, about=request.user.pk)
            actions.take_back(employee=request.user, category=form.cleaned_data["category"], by=by)
            said = _("Taken back. What is collected until the end of today still goes sooner, as you had chosen.")
            messages.success(request, said)
    except NotAllowed as error:
        messages.error(request, error.detail)
    return redirect("retention")


@require_safe
@rule("perm:audit.read")
def everybody(request: HttpRequest) -> HttpResponse:
    """Show numbers of people alone: nobody's name, and nobody's data."""
    return render(request, "retention/everybody.html", {"standing": telling.standing()})
