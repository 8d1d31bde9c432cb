"""What a controller does through OpenDSR: ask, and take back what has not begun."""

from __future__ import annotations

from uuid import UUID

from django.db import IntegrityError, transaction

from portal.audit.values import Actor
from portal.people.tokens import Token
from portal.rights import handling
from portal.rights.actions import open_request
from portal.rights.opendsr import identities
from portal.rights.opendsr.models import Asked
from portal.rights.opendsr.schemas import Asked as Body
from portal.rights.opendsr.values import TYPES, Status, Wrong
from portal.rights.values import NotAllowed, OpenedBy

CHANNEL = "system"


def take_in(*, body: Body, token: Token) -> Asked:
    """Open what is asked; the deadline counts from when the person asked. Raises Wrong, once a number is used too."""
    used = Wrong(400, "This subject_request_id was used before.", [("duplicate", "subject_request_id was used before")])
    if Asked.objects.filter(client_id=token.client_id, subject_request_id=body.subject_request_id).exists():
        raise used
    subject_id = identities.person(body.subject_identities)
    try:
        return _opened(body, subject_id, token.client_id, token.actor)
    except IntegrityError as error:
        raise used from error
    except NotAllowed as error:
        raise Wrong(400, "The request cannot be taken in.", [(error.code, error.detail)]) from error


@transaction.atomic
def _opened(body: Body, subject_id: UUID, client_id: str, by: Actor) -> Asked:
    request = open_request(
        kind=TYPES[body.subject_request_type],
        subject_id=subject_id,
        by=by,
        opened_by=OpenedBy.CLIENT,
        received_at=body.submitted_time,
        channel=CHANNEL,
        idempotency_key=f"opendsr:{body.subject_request_id}",
    )
    return Asked.objects.create(
        request=request,
        client_id=client_id,
        subject_request_id=body.subject_request_id,
        regulation=body.regulation,
        callbacks=list(dict.fromkeys(body.status_callback_urls)),
    )


def take_back(*, asked: Asked, by: Actor) -> None:
    """Cancel what is still pending; raises Wrong."""
    too_late = "Only a pending request can be cancelled."
    if asked.status != Status.PENDING:
        raise Wrong(400, too_late, [("status", too_late)])
    try:
        handling.cancel(request=asked.request, by=by)
    except NotAllowed as error:
        raise Wrong(400, too_late, [(error.code, error.detail)]) from error
