"""What pages show of other systems: asked when, answered when, what; worked out before the template."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from portal.people.models import Employee
from portal.people.subjects import line_of
from portal.register.models import Store
from portal.register.values import StoreKind
from portal.rights.connectors.actions import can_answer
from portal.rights.connectors.models import StoreTask
from portal.rights.connectors.values import TaskState
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind

TONES = {
    TaskState.DONE: "",
    TaskState.NOTHING: "",
    TaskState.FAILED: "stop",
    TaskState.UNKNOWN: "off",
    TaskState.CANCELLED: "plain",
    TaskState.WAITING: "plain",
    TaskState.SENT: "plain",
}
PROBLEMS = (TaskState.UNKNOWN, TaskState.FAILED, TaskState.CANCELLED)


@dataclass(frozen=True)
class Row:
    """One other system, as a person and a handler see it."""

    task: StoreTask
    says: str | Promise
    tone: str
    asked: datetime | None
    answered: datetime | None
    reason: str
    by: str
    can_answer: bool


def stores(request: SubjectRequest) -> list[Row]:
    """Return what is known of each system that a request covers; empty where it covers none."""
    return [_row(task, request) for task in request.lead.store_tasks.all()]


def _row(task: StoreTask, request: SubjectRequest) -> Row:
    task.request = request
    return Row(
        task=task,
        says=_says(task, request),
        tone=TONES[TaskState(task.state)],
        asked=task.asked_at,
        answered=task.answered_at,
        reason=task.reason if task.state in PROBLEMS else "",
        by=_("somebody who handles requests") if task.answered_by else "",
        can_answer=can_answer(task),
    )


def _says(task: StoreTask, request: SubjectRequest) -> str | Promise:
    if task.state == TaskState.SENT and task.kind == StoreKind.MANUAL:
        return _("Somebody looks into it")
    if task.state == TaskState.DONE and request.kind == Kind.ERASURE:
        return _("Says it is deleted")
    if task.state == TaskState.DONE:
        return _("In the copy")
    return TaskState(task.state).label


def waiting_for_people(handler: Employee) -> list[dict[str, Any]]:
    """Return what handlers have to look into, the most urgent first; never of one's own line."""
    concerned = line_of(handler.pk) | {handler.pk}
    found = StoreTask.objects.by_hand().exclude(request__subject_id__in=concerned).select_related("request")
    tasks = list(found.order_by("request__due", "title"))
    people = Employee.objects.in_bulk({task.request.subject_id for task in tasks})
    return [{"task": task, "person": people.get(task.request.subject_id)} for task in tasks]


def one(task: StoreTask, why_not: str) -> dict[str, Any]:
    """Return what whoever looks into a system needs: whom it is about, what to do, by when."""
    store = Store.objects.filter(pk=task.store_key).first()
    return {
        "task": task,
        "subject_request": task.request,
        "row": _row(task, task.request),
        "person": Employee.objects.filter(pk=task.request.subject_id).first(),
        "instructions": store.how.get("instructions", "") if store else "",
        "holds": store.holds if store else "",
        "why_not": why_not,
        "answered_by": _name(task.answered_by),
        "note": task.note,
    }


def _name(key: str) -> str:
    kind, _colon, number = key.partition(":")
    if kind != "person":
        return number
    found = Employee.objects.filter(pk=UUID(number)).first()
    return found.name if found else number
