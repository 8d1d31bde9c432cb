"""Asks people: those who handle requests get a mail, and again every few days until one of them has answered."""

from __future__ import annotations

from portal.outbox import actions as outbox
from portal.people.holders import holders
from portal.people.roles import ROLES, Role
from portal.people.subjects import line_of
from portal.register.models import Store
from portal.rights.connectors.models import StoreTask
from portal.rights.connectors.values import Outcome, Person, TaskState

DAY_SECONDS = 24 * 3600
HANDLERS = tuple(Role(role) for role, may in ROLES.items() if "requests.handle" in may)


def ask(task: StoreTask, store: Store, person: Person) -> Outcome:
    """Write to everybody who may answer; nobody of the person's own line is asked to look into their things."""
    subject_id = task.request.subject_id
    concerned = line_of(subject_id) | {subject_id}
    facts = {"request": str(task.request_id), "store": task.store_key}
    for handler in holders(*HANDLERS):
        if handler not in concerned:
            once = f"store:{task.number}:{task.tries}:{handler}"
            outbox.post("store_waits", to=handler, facts=facts, once=once)
    return Outcome(TaskState.SENT, wait_seconds=store.how["remind_days"] * DAY_SECONDS)
