"""Restrict, correct, "this was not me", complain: what a person asks for and somebody has to answer."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent.values import Closed, Scope
from portal.events.meaning import recent_apps
from portal.http import rule
from portal.people.guards import actor_of
from portal.rights import actions, forms, pages, weighing
from portal.rights.guards import own_request
from portal.rights.models import SubjectRequest
from portal.rights.redress import pages as redress_pages
from portal.rights.redress import rectifying, restricting
from portal.rights.redress.values import Field
from portal.rights.values import Kind, NotAllowed
from portal.rights.views import opened

BOTH = ["GET", "POST"]


@require_safe
@rule("signed_in")
def erase_hours(request: HttpRequest) -> HttpResponse:
    """Lead from the hours of a day to the page that says what would go of them."""
    form = forms.HoursForm(request.GET)
    if not form.is_valid():
        messages.error(request, _("Choose a day and two times, the later one second."))
        return redirect("requests")
    return HttpResponseRedirect(f"{reverse('confirm')}?{forms.address_of(form.scope())}")


@require_safe
@rule("signed_in")
def erase_app(request: HttpRequest) -> HttpResponse:
    """List the apps of the last days on which something was kept, each leading to what would go of it."""
    found = recent_apps(request.user.pk)
    apps = [(app, forms.address_of(Scope(apps=frozenset({app})))) for app in found]
    return render(request, "rights/erase_app.html", {"apps": apps})


@require_http_methods(BOTH)
@rule("signed_in")
def restrict(request: HttpRequest) -> HttpResponse:
    """Ask how much is meant; nothing has happened yet."""
    form = forms.ScopeForm(request.POST or None, known=forms.known(request.user.pk))
    if request.method == "POST" and form.is_valid():
        return HttpResponseRedirect(f"{reverse('restrict-confirm')}?{forms.address_of(form.scope())}")
    standing = redress_pages.standing(request.user.pk)
    shown = {"form": form, "standing": standing}
    return render(request, "rights/restrict.html", shown, status=422 if form.is_bound else 200)


@require_http_methods(BOTH)
@rule("signed_in")
def restrict_confirm(request: HttpRequest) -> HttpResponse:
    """Say what would stop; the button restricts at once."""
    scope = forms.asked(request.GET)
    if scope is None:
        return redirect("restrict")
    form = forms.RestrictionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return opened(request, restricting.ask, scope=scope, **form.cleaned_data)
    would = weighing.restriction(request.user.pk, scope)
    shown = pages.counted(would.counted, would.exact) | {
        "scope": pages.scope_words(scope, {}, request.user.pk),
        "collection": would.collection,
        "told": would.told,
        "form": form,
    }
    return render(request, "rights/restrict_confirm.html", shown, status=422 if form.is_bound else 200)


@require_POST
@own_request
def end_restriction(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    try:
        restricting.end_own(request=found, by=actor_of(request, about=found.subject_id))
        messages.success(request, _("The restriction has ended. This data is used again where your answers allow it."))
    except NotAllowed as error:
        messages.error(request, error.detail)
    except Closed:
        return render(request, "closed.html", status=503)
    return redirect("request", pk=found.pk)


@require_http_methods(BOTH)
@rule("signed_in")
def correct(request: HttpRequest) -> HttpResponse:
    """Correct what the directory says of oneself: before and after, decided by somebody."""
    form = forms.CorrectionForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        me, asked = request.user.pk, form.cleaned_data
        try:
            made = rectifying.ask_profile(subject_id=me, by=actor_of(request, about=me), **asked)
            return redirect("request", pk=made.pk)
        except NotAllowed as error:
            form.add_error("right", error.detail)
    entries = [(field.label, getattr(request.user, field) or "–") for field in Field]
    shown = {"form": form, "entries": entries}
    return render(request, "rights/correct.html", shown, status=422 if form.is_bound else 200)


@require_http_methods(BOTH)
@rule("signed_in")
def not_me(request: HttpRequest) -> HttpResponse:
    """Dispute a stretch: out of use at the click, decided by somebody afterwards."""
    person = request.user.pk
    if request.method == "GET":
        first = forms.DisputeForm(person=person, initial=request.GET.dict())
        return render(request, "rights/not_me.html", {"form": first, "standing": redress_pages.standing(person)})
    form = forms.DisputeForm(request.POST, person=person)
    if not form.is_valid():
        return render(request, "rights/not_me.html", {"form": form}, status=422)
    given = form.cleaned_data
    said = {name: given[name] for name in ("wrong", "wish", "note")}
    return opened(request, rectifying.ask_events, scope=form.scope(), **said)


@require_http_methods(BOTH)
@rule("signed_in")
def complain(request: HttpRequest) -> HttpResponse:
    """Take a complaint, which has a clock of its own; the words are kept sealed."""
    form = forms.ComplaintForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        return opened(request, actions.open_request, kind=Kind.COMPLAINT, details=form.cleaned_data)
    shown = {"form": form, "authority": redress_pages.authority()}
    return render(request, "rights/complain.html", shown, status=422 if form.is_bound else 200)
