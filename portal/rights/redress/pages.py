"""What pages show of restrictions, of disputes and of who was told, worked out before the template."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from consent.models import Gate
from consent.values import Restriction
from portal.events import restricting
from portal.people.models import Employee
from portal.people.subjects import line_of
from portal.register.models import Controller
from portal.rights import recipients
from portal.rights.models import SubjectRequest
from portal.rights.pages import purpose_titles, scope_words
from portal.rights.redress.models import Lifting, Told
from portal.rights.values import Kind


@dataclass(frozen=True)
class Standing:
    """A restriction that holds, the request it follows from, and when it is announced to end."""

    request: SubjectRequest
    scope: str
    disputed: bool
    ends: datetime | None
    person: str = ""


def standing(subject_id: UUID) -> list[Standing]:
    """Return the restrictions of a person that follow from what they asked themselves."""
    return _shown({subject_id: restricting.standing(subject_id)}, {})


def _shown(found: dict[UUID, list[Restriction]], names: dict[UUID, str]) -> list[Standing]:
    keys = {each.key: each for rows in found.values() for each in rows}
    requests = SubjectRequest.objects.filter(pk__in=[key for key in keys if _is_id(key)]).order_by("received")
    ends = dict(Lifting.objects.standing().filter(request__in=requests).values_list("request_id", "lifts_at"))
    titles = purpose_titles()
    return [
        Standing(
            request=each,
            scope=scope_words(keys[str(each.pk)].scope, titles),
            disputed=each.kind == Kind.RECTIFICATION,
            ends=ends.get(each.pk),
            person=names.get(each.subject_id, ""),
        )
        for each in requests
    ]


def _is_id(key: str) -> bool:
    try:
        UUID(key)
    except ValueError:
        return False
    return True


def authority() -> str:
    """Return the supervisory authority as the register names it."""
    controller = Controller.objects.first()
    return controller.authority if controller else ""


# --- for those who follow up


@dataclass(frozen=True)
class Waiting:
    """A recipient to be told or to be asked, and whose request it is about."""

    told: Told
    late: bool


def follow_up(handler: Employee) -> dict[str, object]:
    """Return whom to tell by hand, who has not confirmed, and which restrictions stand; never of one's own line."""
    besides = line_of(handler.pk) | {handler.pk}
    rows = recipients.waiting(besides)
    return {
        "by_hand": [each for each in rows if each.told_at is None],
        "unconfirmed": [Waiting(each, each.reminded_at is not None) for each in rows if each.told_at],
        "standing": _of_others(besides),
    }


def _of_others(besides: set[UUID]) -> list[Standing]:
    rows = Gate.objects.exclude(restrictions=[]).exclude(pk__in=besides).values_list("pk", flat=True)
    found = {each: restricting.standing(each) for each in rows}
    names = dict(Employee.objects.filter(pk__in=found).values_list("pk", "name"))
    return _shown(found, names)
