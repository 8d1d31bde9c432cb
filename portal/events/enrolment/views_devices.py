"""A person's devices: see what runs where, name it, pause it, resume it, remove it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from consent.values import Closed
from portal.events.enrolment import actions, reading, showing
from portal.events.enrolment.forms import DeviceForm, form_of
from portal.events.enrolment.models import Collector, Device
from portal.events.enrolment.reading import SeenDevice
from portal.events.enrolment.values import State
from portal.http import View, rule
from portal.people.guards import actor_of, refuse
from portal.register.models import Source


@require_safe
@rule("signed_in")
def devices(request: HttpRequest) -> HttpResponse:
    found, language = reading.devices(request.user.pk), get_language() or "en"
    waiting = {each.source for device in found for each in device.running if each.state == State.WAITING}
    sources = Source.objects.filter(pk__in=waiting)
    uses = [(each.key, showing.uses(request.user, each, language)) for each in sources]
    places = {each.country for each in found if each.running and each.country}
    untold = {place: showing.untold(request.user, place, language) for place in places}
    shown = [(each, _form_of(each, "of"), _form_of(each, "first"), untold.get(each.country, [])) for each in found]
    return render(request, "enrolment/devices.html", {"devices": shown, "sources": uses})


def _form_of(each: SeenDevice, part: str) -> DeviceForm:
    return form_of(each, each.called.name, auto_id=f"{part}-{each.pk}-%s")


def _owners(change: Callable[[HttpRequest, UUID], str]) -> View:
    """The rule `owner`: a POST by whose collector or device it is, with plain words when it is too late or closed."""

    def guarded(request: HttpRequest, **named: UUID) -> HttpResponse:
        (pk,) = named.values()
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        try:
            messages.success(request, change(request, pk))
        except Closed:
            return render(request, "closed.html", status=503)
        except actions.NotPossible as error:
            messages.error(request, str(error) or _("Nothing was changed: this collector stands otherwise by now."))
        return redirect("devices")

    guarded.rule = "owner"  # type: ignore[attr-defined]
    return require_POST(guarded)


def _own(request: HttpRequest, found: Collector | Device | None) -> None:
    """Answer for another person's as if there were none; they see that somebody tried."""
    if found is None:
        raise Http404
    if found.subject_id != request.user.pk:
        refuse(request, found.subject_id)


def _collector(request: HttpRequest, pk: UUID) -> Collector:
    found = Collector.objects.select_related("device").filter(pk=pk).first()
    _own(request, found)
    return found


@_owners
def pause(request: HttpRequest, pk: UUID) -> str:
    actions.pause(collector=_collector(request, pk), by=actor_of(request, about=request.user.pk))
    return _("Paused. What this collector sends is dropped on arrival until you resume it.")


@_owners
def resume(request: HttpRequest, pk: UUID) -> str:
    actions.resume(collector=_collector(request, pk), by=actor_of(request, about=request.user.pk))
    return _("Resumed. What you have said yes to is accepted from it again.")


@_owners
def end(request: HttpRequest, pk: UUID) -> str:
    actions.end(collector=_collector(request, pk), by=actor_of(request, about=request.user.pk))
    return _("Removed. It has no access any more, from this moment on. To use it again, connect it anew.")


@_owners
def answer(request: HttpRequest, pk: UUID) -> str:
    """Let begin what the company installed; whoever does not want it removes it."""
    collector = _collector(request, pk)
    chosen = _chosen(request)
    actions.answer(collector=collector, chosen=chosen, by=actor_of(request, about=request.user.pk))
    return _("Connected. It may send what you have said yes to, and nothing else.")


@_owners
def describe(request: HttpRequest, pk: UUID) -> str:
    device = Device.objects.filter(pk=pk).first()
    _own(request, device)
    actions.describe(device=device, chosen=_chosen(request), by=actor_of(request, about=request.user.pk))
    return _("Saved.")


def _chosen(request: HttpRequest) -> actions.Chosen:
    form = DeviceForm(request.POST)
    if not form.is_valid():
        raise actions.NotPossible(_("Nothing was changed: say what the device is called, and whose it is."))
    return form.chosen
