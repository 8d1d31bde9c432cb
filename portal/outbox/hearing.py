"""Which acts endpoints are told of: heard where they are written, so that no end of a request is forgotten."""

from __future__ import annotations

from portal.audit.models import Act
from portal.audit.values import Action
from portal.outbox import webhooks
from portal.outbox.values import Told

OF_A_REQUEST = {
    Action.REQUEST_OPENED: Told.REQUEST_OPENED,
    Action.REQUEST_READY: Told.REQUEST_READY,
    Action.REQUEST_DONE: Told.REQUEST_DONE,
    Action.REQUEST_REFUSED: Told.REQUEST_DONE,
    Action.REQUEST_CANCELLED: Told.REQUEST_DONE,
    Action.REQUEST_EXPIRED: Told.REQUEST_DONE,
    Action.BUNDLE_DOWNLOADED: Told.REQUEST_DONE,
}


def hear(act: Act) -> None:
    """Tell of an act in its own transaction: what is rolled back was never told."""
    if act.action == Action.ACCESS_REFUSED:
        webhooks.tell(Told.ACCESS_REFUSED, {"act": str(act.pk)})
    elif (told := OF_A_REQUEST.get(Action(act.action))) and _stands(act):
        ids = {"request": act.case, "subject": str(act.subject_id)}
        webhooks.tell(told, ids, subject_id=act.subject_id, once=f"{told}:{act.case}")


def _stands(act: Act) -> bool:
    """A refusal waits for a second person."""
    return act.action != Action.REQUEST_REFUSED or act.facts.get("stands") == "true"
