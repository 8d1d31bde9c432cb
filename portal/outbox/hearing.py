"""Which acts endpoints are told of: heard where they are written, so that no end of a request is forgotten."""

from __future__ import annotations

from uuid import UUID

from django.db import connection

from portal.audit.models import Act
from portal.audit.values import Action
from portal.outbox import webhooks
from portal.outbox.values import Told

ENDPOINT = "SELECT FROM outbox_endpoint LIMIT 1"
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


def of_a_request(act: Act) -> Told | None:
    """Return what an act says of the request that is its case; a refusal waits for a second person."""
    if act.action == Action.REQUEST_REFUSED and act.facts.get("stands") != "true":
        return None
    return OF_A_REQUEST.get(Action(act.action))


def anybody(told: Told) -> bool:
    """Return whether an endpoint wants to be told: mostly there is none, and then nothing else has to be looked up."""
    with connection.cursor() as cursor:
        cursor.execute(ENDPOINT)
        return cursor.fetchone() is not None and bool(webhooks.listening(told))


def tell_of(told: Told, request: str, subject_id: UUID | None) -> None:
    """Tell of a request, once of each thing; without the person where there is none any more."""
    ids = {"request": request} | ({"subject": str(subject_id)} if subject_id else {})
    webhooks.tell(told, ids, subject_id=subject_id, once=f"{told}:{request}")
