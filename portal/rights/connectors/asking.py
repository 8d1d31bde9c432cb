"""Asks one other system once and records what came of it; before it is asked it stands as not known."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.audit import trail
from portal.audit.values import SYSTEM, Action
from portal.people.subjects import find
from portal.register.models import Store
from portal.register.values import StoreKind
from portal.rights import bundle, holding
from portal.rights.connectors import by_hand, by_opendsr, by_sql
from portal.rights.connectors.models import StoreTask
from portal.rights.connectors.values import (
    ANSWERED,
    FIRST_WAIT_SECONDS,
    FOLDER,
    LONGEST_WAIT_SECONDS,
    NoAnswer,
    Outcome,
    Person,
    TaskState,
)
from portal.rights.models import SubjectRequest

Ask = Callable[[StoreTask, Store, Person], Outcome]
WAYS: dict[str, Ask] = {
    StoreKind.OPENDSR: by_opendsr.ask,
    StoreKind.SQL: by_sql.ask,
    StoreKind.MANUAL: by_hand.ask,
}


def once(request: SubjectRequest, task: StoreTask) -> None:
    """Ask; a hold that touches an erasure stops it before anything is told (raises Held)."""
    if task.state != TaskState.SENT:
        holding.ask(request)
    _begin(request, task)
    task.request = request
    try:
        outcome = _asked(task)
    except NoAnswer as error:
        outcome = _not_known(task, str(error))
    for found in outcome.files:
        bundle.put_part(request, f"{FOLDER}/{task.store_key}/{found.name}", 0, found.content, found.records)
    _record(request, task, outcome)


def _begin(request: SubjectRequest, task: StoreTask) -> None:
    """Count the try before it is made: of one that is cut off nobody knows the end."""
    task.tries += 1
    first = task.asked_at is None
    task.asked_at = task.asked_at or timezone.now()
    was = {"asked_at": task.asked_at, "tries": task.tries}
    with request.fenced():
        _mine(task).filter(state=TaskState.WAITING).update(state=TaskState.UNKNOWN)
        _mine(task).update(**was)
        if first:
            _act(Action.STORE_ASKED, task)


def _asked(task: StoreTask) -> Outcome:
    store = Store.objects.filter(pk=task.store_key, kind=task.kind).first()
    employee = find(task.request.subject_id)
    if store is None or employee is None:
        raise NoAnswer(_("The policy no longer says how it is asked."))
    person = Person(str(employee.pk), employee.employee_number, employee.email)
    return WAYS[store.kind](task, store, person)


def _not_known(task: StoreTask, reason: str) -> Outcome:
    """Wait longer each time; after the last somebody has to look."""
    failing = task.failing + 1
    if failing >= settings.STORE_TRIES:
        return Outcome(TaskState.FAILED, reason)
    wait = min(LONGEST_WAIT_SECONDS, FIRST_WAIT_SECONDS * 2**failing)
    return Outcome(TaskState.UNKNOWN, reason, wait_seconds=wait)


def _mine(task: StoreTask) -> Any:
    """Return the row while nobody has answered it by hand."""
    return StoreTask.objects.filter(pk=task.pk).unsettled()


def _record(request: SubjectRequest, task: StoreTask, outcome: Outcome) -> None:
    answered = outcome.state in ANSWERED
    now = timezone.now()
    unknown = outcome.state in {TaskState.UNKNOWN, TaskState.FAILED}
    said: dict[str, Any] = {
        "state": outcome.state,
        "reason": outcome.reason[:400],
        "failing": task.failing + 1 if unknown else 0,
        "wake_at": None if answered else now + timedelta(seconds=outcome.wait_seconds),
        "answered_at": now if answered else None,
        "fetched": task.fetched or bool(outcome.files),
    }
    if outcome.again:
        said |= {"number": uuid4(), "tries": 0}
    with request.fenced():
        if _mine(task).update(**said) and answered:
            _act(Action.STORE_ANSWERED, task, answer=str(outcome.state))
    for name, value in said.items():
        setattr(task, name, value)


def _act(action: Action, task: StoreTask, **facts: str) -> None:
    trail.record(
        action,
        actor=SYSTEM,
        subject_id=task.request.subject_id,
        case=str(task.request_id),
        facts={"store": task.store_key, **facts},
    )
