"""Corrections: what is wrong and what would be right, decided by somebody, and what then follows (Art. 16)."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from django.db import transaction
from django.utils.translation import gettext as _

from consent import gate
from consent.values import Scope
from portal.audit.values import Actor, ActorKind
from portal.people import hours
from portal.people.actions import PROFILE_FIELDS, Profile, change_employee
from portal.people.models import Employee
from portal.rights import actions, recipients
from portal.rights.models import SubjectRequest
from portal.rights.redress import restricting
from portal.rights.redress.values import About, Field, Restricting, What, Wish, Wrong
from portal.rights.values import Ground, Kind, NotAllowed, State

EVERYTHING = Scope()
LONGEST = 200
JURISDICTION = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?")
CODE_CHARS = 16


def ask_profile(*, subject_id: UUID, by: Actor, field: str, right: str, why: str = "") -> SubjectRequest:
    """Ask that an entry of the directory is corrected; before and after are kept, sealed."""
    employee = Employee.objects.get(pk=subject_id)
    right = right.strip()
    if field not in Field.values or (code := _cannot_be(field, right)):
        raise NotAllowed("correction.unreadable", code if field in Field.values else _("Choose what is wrong."))
    before = getattr(employee, field)
    if before == right:
        raise NotAllowed("correction.same", _("That is what stands there already."))
    details = {"about": About.PROFILE, "field": field, "before": before, "after": right, "text": why}
    return actions.open_request(kind=Kind.RECTIFICATION, subject_id=subject_id, by=by, details=details)


def _cannot_be(field: str, value: str) -> str:
    """Return why this cannot stand there, in words; empty if it can."""
    if len(value) > (CODE_CHARS if field == Field.JURISDICTION else LONGEST):
        return _("That is too long.")
    if field == Field.NAME and not value:
        return _("Write down the name.")
    if field == Field.TIME_ZONE and value not in available_timezones():
        return _("Write a time zone such as Europe/Berlin.")
    if field == Field.JURISDICTION and not JURISDICTION.fullmatch(value):
        return _("Write a country such as DE, or country and part such as US-NY.")
    if field == Field.WORKING_HOURS:
        return _hours(value)
    return ""


def _hours(value: str) -> str:
    try:
        hours.parse(value)
    except hours.BadHours:
        return _("Write working hours such as Mo-Fr 08:00-18:00.")
    return ""


@transaction.atomic
def ask_events(
    *, subject_id: UUID, by: Actor, scope: Scope, wrong: str, wish: str = Wish.ERASE, note: str = ""
) -> SubjectRequest:
    """Dispute a stretch of what was recorded: it is out of use from this moment until somebody has decided."""
    if wrong not in Wrong.values or wish not in Wish.values:
        raise NotAllowed("correction.unreadable", _("Choose what is wrong."))
    if scope == EVERYTHING or scope.to_ms is None:
        raise NotAllowed("correction.no_stretch", _("Say which stretch of time is meant."))
    gate.lock([subject_id])
    details = {"about": About.EVENTS, "wrong": wrong, "wish": wish, "text": note}
    request = actions.open_request(
        kind=Kind.RECTIFICATION,
        subject_id=subject_id,
        by=by,
        scope=scope,
        ground=Restricting.ACCURACY,
        details=details,
    )
    restricting.begin(request)
    return request


def is_about_events(request: SubjectRequest) -> bool:
    return request.kind == Kind.RECTIFICATION and request.details.get("about") == About.EVENTS


# --- what follows


def apply(request: SubjectRequest, by: Actor) -> None:
    """Do what was asked, in the transaction that grants it; recipients of what was corrected are told."""
    details = request.details
    if details.get("about") == About.PROFILE:
        _correct(request, details, by)
    elif details.get("about") == About.EVENTS:
        _settle(request, details.get("wish", Wish.RESTRICT))


def _correct(request: SubjectRequest, details: dict[str, Any], by: Actor) -> None:
    employee = Employee.objects.select_for_update().get(pk=request.subject_id)
    said = {name: getattr(employee, name) for name in PROFILE_FIELDS} | {details["field"]: details["after"]}
    if employee.is_active:
        change_employee(employee=employee, profile=Profile(**said), by=by)
    else:
        # A closed account stays closed: changing it as the directory does would open it again.
        Employee.objects.filter(pk=employee.pk).update(**{details["field"]: details["after"]})


def _settle(request: SubjectRequest, wish: str) -> None:
    if wish == Wish.ERASE:
        person = Actor(ActorKind.PERSON, str(request.subject_id), "employee")
        actions.open_request(
            kind=Kind.ERASURE,
            subject_id=request.subject_id,
            by=person,
            scope=request.wanted,
            ground=Ground.UNLAWFUL,
            idempotency_key=f"disputed:{request.pk}",
        )
    elif wish == Wish.NOTE:
        restricting.lift(request)
    recipients.tell(request, What.RECTIFICATION)


def erasure_of(request: SubjectRequest) -> SubjectRequest | None:
    """Return the deletion that followed from a dispute that was granted."""
    return (
        SubjectRequest.objects.for_subject(request.subject_id).filter(idempotency_key=f"disputed:{request.pk}").first()
    )


def lift_of_erased() -> int:
    """End the restriction of what has been deleted: there is nothing left that it could keep out of use."""
    done = SubjectRequest.objects.filter(idempotency_key__startswith="disputed:", kind=Kind.ERASURE)
    lifted = 0
    for each in done.filter(state=State.DELIVERED):
        dispute = SubjectRequest.objects.filter(pk=each.idempotency_key.partition(":")[2]).first()
        lifted += bool(dispute and restricting.lift(dispute))
    return lifted


# --- how it is told


def shown(request: SubjectRequest) -> list[tuple[str, str]]:
    """Return what somebody wrote with a request, line by line: what is wrong, what stood there, what would be right."""
    details = request.details
    rows: list[tuple[str, str]] = []
    if details.get("about") == About.PROFILE:
        rows = [
            (_("What is wrong"), str(Field(details["field"]).label)),
            (_("What stood there"), details["before"] or "–"),
            (_("What would be right"), details["after"] or "–"),
        ]
    elif details.get("about") == About.EVENTS:
        rows = [
            (_("What is wrong"), str(Wrong(details["wrong"]).label)),
            (_("What is wished"), str(Wish(details["wish"]).label)),
        ]
    elif request.ground in Restricting.values and request.kind == Kind.RESTRICTION:
        rows = [(_("Why"), str(Restricting(request.ground).label))]
    return [*rows, (_("In words"), details["text"])] if details.get("text") else rows
