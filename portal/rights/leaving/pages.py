"""What the pages about leaving show."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import QueryDict
from django.utils import timezone

from consent.models import Opening
from portal.events import words
from portal.http import page_number, pager
from portal.people.models import Employee
from portal.people.subjects import line_of
from portal.register.models import Retention
from portal.rights import holding, weighing
from portal.rights.leaving.models import AccessCode, Channel, Departure, Keepsake
from portal.rights.leaving.session import Leaver
from portal.rights.leaving.values import account_ends
from portal.rights.models import SubjectRequest
from portal.rights.values import CLOSED_STATES, State

A_PAGE = 25
ENDED = (State.WITHDRAWN, State.REFUSED)


def before_leaving(employee: Employee) -> dict[str, Any]:
    channel = Channel.objects.filter(pk=employee.pk).first()
    left_on = employee.leaves_on or timezone.localdate()
    return {
        "address": channel.address if channel else None,
        "leaves_on": employee.leaves_on,
        "days": (account_ends(left_on) - left_on).days,
        "ends": account_ends(employee.leaves_on) if employee.leaves_on else None,
        "longest": Retention.objects.order_by("-days").values_list("days", flat=True).first(),
    }


def mine(me: Leaver) -> dict[str, Any]:
    rows = SubjectRequest.objects.for_subject(me.subject_id)
    return {
        "departure": Departure.objects.filter(pk=me.subject_id).first(),
        "requests": [{"request": each, "tone": _tone(each)} for each in rows],
        "receipts": Opening.objects.filter(subject_id=me.subject_id).count(),
        "asked": rows.filter(account=True).exclude(state__in=ENDED).first(),
        "spared": bool(holding.spared([me.subject_id])),
        "me": me,
    }


def _tone(request: SubjectRequest) -> str:
    if request.state in (State.NEEDS_ATTENTION, State.REFUSED):
        return "stop"
    return "on" if request.state in CLOSED_STATES else "wait"


def before_erasing(me: Leaver) -> dict[str, Any]:
    found = weighing.erasure(subject_id=me.subject_id)
    goes = [(words.category(key), found.goes[key]) for key in words.CATEGORIES if found.goes.get(key)]
    return {"goes": goes, "total": sum(count for _name, count in goes), "stays": found.stays}


def one(found: SubjectRequest) -> dict[str, Any]:
    done, total = found.progress
    return {
        "subject_request": found,
        "tone": _tone(found),
        "can_fetch": found.is_copy and found.state in (State.READY, State.DELIVERED),
        "done": done,
        "total": total,
        "live": found.state == State.PROCESSING,
        "refresh_seconds": 5 if found.state == State.PROCESSING else 0,
    }


def kept(code: AccessCode) -> dict[str, Any]:
    return {"files": list(code.keepsakes.order_by("-name").values_list("name", flat=True)), "until": code.ends_on}


def leavers(handler: Employee, asked: QueryDict) -> dict[str, Any]:
    """Return who left, without those in the handler's own line."""
    number = page_number(asked)
    near = line_of(handler.pk) | {handler.pk}
    found = list(Departure.objects.exclude(pk__in=near)[(number - 1) * A_PAGE : number * A_PAGE + 1])
    shown = found[:A_PAGE]
    leaving = Employee.objects.active().filter(leaves_on__isnull=False).exclude(pk__in=near).order_by("leaves_on")
    return {
        "rows": _rows([each.pk for each in shown], shown),
        "leaving": list(leaving[:A_PAGE]),
        "unclaimed": Keepsake.objects.filter(code=None).order_by("ends_on").values("request_id", "ends_on")[:A_PAGE],
        "pager": pager(asked, number, more=len(found) > A_PAGE, text=str(number)),
    }


def _rows(people: list[UUID], shown: list[Departure]) -> list[dict[str, Any]]:
    names = {each.pk: each for each in Employee.objects.filter(pk__in=people)}
    sent = {each.subject_id: each for each in AccessCode.objects.filter(subject_id__in=people)}
    chosen = set(Channel.objects.filter(pk__in=people).values_list("pk", flat=True))
    asked = SubjectRequest.objects.filter(subject_id__in=people, account=True).exclude(state__in=ENDED)
    ending = {each.subject_id: each for each in asked}
    spared = holding.spared(people)
    return [
        {
            "departure": each,
            "person": names.get(each.pk),
            "code": sent.get(each.pk),
            "has_channel": each.pk in chosen,
            "asked": ending.get(each.pk),
            "spared": each.pk in spared,
        }
        for each in shown
    ]
