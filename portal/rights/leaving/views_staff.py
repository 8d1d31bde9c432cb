"""What human resources do about leavers: the last day, a code sent anew or taken back, the end of an account."""

from __future__ import annotations

from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal.audit.values import Actor
from portal.http import View, rule
from portal.people import actions as people
from portal.people.guards import actor_of
from portal.people.models import Employee
from portal.people.subjects import in_line
from portal.rights import tasks
from portal.rights.leaving import actions, forms, keepsakes, pages, schedule
from portal.rights.leaving.models import Departure
from portal.rights.values import NotAllowed, OpenedBy


@require_http_methods(["GET", "POST"])
@rule("perm:leavers.handle")
def leavers(request: HttpRequest) -> HttpResponse:
    """List who left, and note somebody's last day."""
    form = forms.LeavesForm(request.POST) if request.method == "POST" else forms.LeavesForm()
    if request.method == "POST" and form.is_valid() and _noted(request, form):
        return redirect("leavers-staff")
    shown = pages.leavers(request.user, request.GET) | {"form": form}
    return render(request, "leaving/leavers.html", shown, status=422 if form.errors else 200)


def _noted(request: HttpRequest, form: forms.LeavesForm) -> bool:
    employee, by = form.employee, actor_of(request, about=form.employee.pk)
    if in_line(request.user.pk, employee.pk):
        form.add_error("number", _("You cannot do this for somebody in your own line."))
        return False
    people.set_last_day(employee=employee, leaves_on=form.cleaned_data["last_day"], by=by)
    if employee.is_active and form.cleaned_data["now"]:
        people.deactivate(employee=employee, by=by)
    if not employee.is_active:
        schedule.depart(Employee.objects.get(pk=employee.pk))
        messages.success(request, _("The account is closed. Nothing more is collected."))
    else:
        messages.success(request, _("Noted. The account closes by itself at the end of that day."))
    return True


def _of_leaver(view: View) -> View:
    """Find the departure in the address, and answer with what the action says."""

    @require_POST
    @rule("perm:leavers.handle")
    @wraps(view)
    def guarded(request: HttpRequest, *, subject_id: UUID, **kwargs: Any) -> HttpResponse:
        departure = Departure.objects.filter(pk=subject_id).first()
        try:
            if departure is None:
                raise NotAllowed("departure.none", _("This person has not left."))
            messages.success(request, view(departure, actor_of(request, about=subject_id)))
        except NotAllowed as error:
            messages.error(request, error.detail)
        return redirect("leavers-staff")

    return guarded


@require_safe
@rule("perm:leavers.handle")
def certificate(request: HttpRequest, *, pk: UUID) -> HttpResponse:
    """Give the certificate of somebody without a code to whoever hands it over; it names a number and nobody."""
    found = keepsakes.for_handing_over(pk)
    if found is None:
        messages.error(request, _("There is no certificate to hand over."))
        return redirect("leavers-staff")
    answer = HttpResponse(found, content_type="application/json")
    answer["Content-Disposition"] = 'attachment; filename="certificate.json"'
    return answer


@_of_leaver
def send(departure: Departure, by: Actor) -> str:
    actions.send_code(departure=departure, by=by)
    return _("A new code is on its way to where the person chose. The one before opens nothing any more.")


@_of_leaver
def revoke(departure: Departure, by: Actor) -> str:
    actions.revoke_code(departure=departure, by=by)
    return _("The code opens nothing any more.")


@_of_leaver
def account(departure: Departure, by: Actor) -> str:
    if actions.why_not(departure, by):
        raise NotAllowed("handler.concerned", _("You cannot do this for somebody in your own line."))
    opened = actions.end_account(subject_id=departure.subject_id, by=by, opened_by=OpenedBy.STAFF)
    tasks.nudge(opened.pk)
    return _("Asked. Somebody else who handles requests has to approve it.")
