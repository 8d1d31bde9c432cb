"""Days off: a person marks days on which nothing is collected, and takes marks of days to come away again."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from consent import marking
from consent.values import Closed, NotAllowed
from portal.http import rule
from portal.rights.choices import days_off
from portal.rights.choices.days_off import DaysForm


@require_safe
@rule("signed_in")
def days(request: HttpRequest) -> HttpResponse:
    """The days that are marked from today on, and a form for more."""
    return _page(request, DaysForm(today=timezone.localdate()))


@require_POST
@rule("signed_in")
def mark(request: HttpRequest) -> HttpResponse:
    """Collect nothing on these days; taken also while the site is closed."""
    today = timezone.localdate()
    form = DaysForm(request.POST, today=today)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        marking.mark(subject_id=request.user.pk, days=form.days, today=today)
    except NotAllowed:
        form.add_error(None, _("Daylight accepts nothing from you at present. Nothing was recorded."))
        return _page(request, form, status=409)
    messages.success(request, _("Marked. What is sent of these days is dropped on arrival."))
    return HttpResponseRedirect(reverse("days-off"))


@require_POST
@rule("signed_in")
def unmark(request: HttpRequest) -> HttpResponse:
    """Let days to come be as any other; it lets something in, so not while the site is closed."""
    today = timezone.localdate()
    form = DaysForm(request.POST, today=today)
    if not form.is_valid():
        return _page(request, form, status=422)
    try:
        marking.unmark(subject_id=request.user.pk, days=form.days, today=today)
    except Closed:
        return render(request, "closed.html", status=503)
    except NotAllowed:
        messages.error(request, _("A day that has begun stays marked until it ends. Nothing was changed."))
        return HttpResponseRedirect(reverse("days-off"))
    messages.success(request, _("No longer marked: these days are as any other."))
    return HttpResponseRedirect(reverse("days-off"))


def _page(request: HttpRequest, form: DaysForm, status: int = 200) -> HttpResponse:
    shown = {"form": form, "stretches": days_off.shown(request.user.pk)}
    return render(request, "choices/days_off.html", shown, status=status)
