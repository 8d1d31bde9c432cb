"""The list of cases: requests of known people and what came in from unknown ones, in one order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Case, QuerySet, Value, When
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.people.models import Employee
from portal.rights.cases import forms
from portal.rights.cases.forms import Due, Shown
from portal.rights.cases.models import Intake
from portal.rights.cases.words import TONES, staff_scope, state_words
from portal.rights.models import SubjectRequest
from portal.rights.pages import page_of, purpose_titles
from portal.rights.values import CLOSED_STATES, UNDECIDED_STATES, State

PAGE = 50
SOON = timedelta(days=7)
REQUEST, INTAKE = "request", "intake"
COLUMNS = ("pk", "due", "received")
# What could not go on stands at the top, as the person is told.
FIRST = Case(When(state=State.NEEDS_ATTENTION, then=Value(0)), default=Value(1))
Asked = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """A case in the list."""

    href: str
    what: str
    scope: str
    person: Employee | None
    state: str
    tone: str
    received: datetime
    due: date
    explanation: str
    is_open: bool
    known: bool = True
    proposed: bool = False
    handler: str = ""

    @property
    def overdue(self) -> bool:
        return self.is_open and self.due < timezone.localdate()

    @property
    def soon(self) -> bool:
        return self.is_open and not self.overdue and self.due <= timezone.localdate() + SOON


def shown(handler: Employee, line: set[UUID], query: QueryDict) -> dict[str, Any]:
    """Return the cases of others that match, the most urgent first; never those of one's own line."""
    asked = forms.FilterForm(query).wanted()
    both = _requests(asked, handler, line).union(_intakes(asked, handler), all=True)
    ended = asked["state"] in {Shown.ENDED, Shown.ALL}
    order = ["-received"] if ended else ["first", "due", "received"]
    keys, pager = page_of(both.order_by(*order), query, PAGE)
    return {
        "lines": _lines([(kind, pk) for pk, _due, _received, kind, _first in keys], handler),
        "pager": pager,
        "form": forms.FilterForm(initial=asked),
        "narrowed": any(asked[name] for name in ("kind", "due", "channel", "q", "mine")),
        "tabs": [(value, label, value == asked["state"]) for value, label in Shown.choices],
    }


# --- what matches


def _requests(asked: Asked, handler: Employee, line: set[UUID]) -> QuerySet[Any]:
    found = SubjectRequest.objects.exclude(subject_id__in=line | {handler.pk}).for_staff()
    found = _narrowed(_in_state(found, asked["state"]), asked)
    if asked["mine"]:
        found = found.filter(assignment__handler_id=handler.pk)
    if asked["q"]:
        found = found.filter(subject_id=owner) if (owner := _person(asked["q"])) else _numbered(found, asked["q"])
    return found.order_by().annotate(of=Value(REQUEST), first=FIRST).values_list(*COLUMNS, "of", "first")


def _intakes(asked: Asked, handler: Employee) -> QuerySet[Any]:
    found = Intake.objects.unmatched()
    state = asked["state"]
    if state == Shown.STUCK:
        found = found.none()
    elif state == Shown.ENDED:
        found = found.exclude(closed_at=None)
    elif state != Shown.ALL:
        found = found.open()
    found = _narrowed(found, asked)
    if asked["mine"]:
        found = found.filter(handler_id=handler.pk)
    if asked["q"]:
        found = _numbered(found, asked["q"])
    return found.order_by().annotate(of=Value(INTAKE), first=Value(1)).values_list(*COLUMNS, "of", "first")


def _in_state(found: Any, state: str) -> Any:
    if state == Shown.REVIEW:
        return found.filter(state__in=UNDECIDED_STATES)
    if state == Shown.STUCK:
        return found.filter(state=State.NEEDS_ATTENTION)
    if state == Shown.ENDED:
        return found.filter(state__in=CLOSED_STATES)
    return found if state == Shown.ALL else found.open()


def _narrowed(found: Any, asked: Asked) -> Any:
    today = timezone.localdate()
    for name in ("kind", "channel"):
        if asked[name]:
            found = found.filter(**{name: asked[name]})
    if asked["due"] == Due.OVERDUE:
        return found.open().filter(due__lt=today)
    if asked["due"] == Due.WEEK:
        return found.filter(due__range=(today, today + SOON))
    return found.filter(due__gt=today + SOON) if asked["due"] == Due.LATER else found


def _person(text: str) -> UUID | None:
    return Employee.objects.filter(employee_number=text.strip()).values_list("pk", flat=True).first()


def _numbered(found: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Return the request of this number."""
    try:
        return found.filter(pk=UUID(text.strip()))
    except ValueError:
        return found.none()


# --- as they are shown


def _lines(keys: list[tuple[str, UUID]], handler: Employee) -> list[Line]:
    requests = SubjectRequest.objects.select_related("assignment").in_bulk(_of(REQUEST, keys))
    intakes = Intake.objects.in_bulk(_of(INTAKE, keys))
    wanted = {each.subject_id for each in requests.values()} | {each.handler_id for each in intakes.values()}
    wanted |= {each.assignment.handler_id for each in requests.values() if hasattr(each, "assignment")}
    people = Employee.objects.in_bulk([each for each in wanted if each])
    titles = purpose_titles()
    return [
        _request_line(requests[pk], titles, people, handler) if kind == REQUEST else _intake_line(intakes[pk], people)
        for kind, pk in keys
    ]


def _of(kind: str, keys: list[tuple[str, UUID]]) -> list[UUID]:
    return [pk for each, pk in keys if each == kind]


def _request_line(
    request: SubjectRequest, titles: dict[str, str], people: dict[UUID, Employee], reader: Employee
) -> Line:
    taken = people.get(request.assignment.handler_id) if hasattr(request, "assignment") else None
    return Line(
        href=reverse("case", args=[request.pk]),
        what=str(request.get_kind_display()),
        scope=staff_scope(request, titles, reader),
        person=people.get(request.subject_id),
        state=state_words(request),
        tone=TONES.get(State(request.state), ""),
        received=request.received,
        due=request.due,
        explanation=request.explanation,
        is_open=request.is_open,
        proposed=bool(request.proposed_refusal) and request.is_open,
        handler=taken.name if taken else "",
    )


def _intake_line(intake: Intake, people: dict[UUID, Employee]) -> Line:
    taken = people.get(intake.handler_id) if intake.handler_id else None
    return Line(
        href=reverse("intake", args=[intake.pk]),
        what=str(intake.get_kind_display()),
        scope=_("came by %(channel)s") % {"channel": intake.get_channel_display()},
        person=None,
        state=str(intake.get_state_display()),
        tone="off" if intake.is_open else "plain",
        received=intake.received,
        due=intake.due,
        explanation=intake.explanation,
        is_open=intake.is_open,
        known=False,
        proposed=bool(intake.proposed_ending) and intake.is_open,
        handler=taken.name if taken else "",
    )
