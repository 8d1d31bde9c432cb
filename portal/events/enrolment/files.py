"""Enrolment files: with one a fleet tool installs a collector for a person, who has to answer before it may send.

The file is signed by the key that signs the log, so that a collector can tell where it comes from before it follows it.
Its code joins as often as it says, for its one person, until it runs out; the server keeps the code's digest alone.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import rfc8785
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from consent import checkpoints, leaf
from portal.audit import trail
from portal.audit.values import Action, Actor, ActorKind
from portal.events.enrolment import joining
from portal.events.enrolment.models import Invitation, digest
from portal.events.enrolment.values import How, Said, State
from portal.outbox import actions as outbox
from portal.people.models import Employee
from portal.register.models import Source

FORMAT = 1
# What is signed begins so: nothing else that this key signs can be taken for it.
CONTEXT = b"daylight/enrolment/v1\n"
LONGEST = timedelta(days=30)
MOST_USES = 5
SIGNED = frozenset({"daylight", "origin", "source", "client_id", "code", "expires", "uses"})


class NotMade(Exception):
    """No file can be made so; the text says why."""


class NotRedeemed(Exception):
    """Nobody joins by this; the text says why, and nothing of whose it is."""


def make(*, employee: Employee, source_key: str, uses: int, lasts: timedelta, by: Actor) -> dict[str, Any]:
    """Return a file that lets devices of this person join; they see that it was made. Raises NotMade."""
    source = joining.source_of(joining.PREFIX + source_key)
    if source is None:
        raise NotMade(f"No source {source_key!r} is in operation that runs on devices.")
    if not employee.is_active:
        raise NotMade("This person is not active.")
    if not (0 < uses <= MOST_USES and timedelta() < lasts <= LONGEST):
        raise NotMade(f"A file is for 1 to {MOST_USES} devices and lasts up to {LONGEST.days} days.")
    return _made(employee, source, uses, lasts, by)


def _made(employee: Employee, source: Source, uses: int, lasts: timedelta, by: Actor) -> dict[str, Any]:
    code, until = secrets.token_urlsafe(32), timezone.now() + lasts
    document: dict[str, Any] = {
        "daylight": FORMAT,
        "origin": settings.ORIGIN,
        "source": source.key,
        "client_id": joining.client_of(source).pk,
        "code": code,
        "expires": leaf.stamp(until),
        "uses": uses,
    }
    signed = _signed(document)
    with transaction.atomic():
        Invitation.objects.create(subject_id=employee.pk, source=source.key, code=digest(code), left=uses, until=until)
        facts = {"source": source.key, "uses": uses, "until": document["expires"]}
        trail.record(Action.ENROLMENT_FILE_MADE, actor=by, subject_id=employee.pk, facts=facts)
    return signed


def _signed(document: dict[str, Any]) -> dict[str, Any]:
    signer = checkpoints.signer()
    if signer is None:
        raise NotMade("The key that signs cannot be read.")
    signature = base64.b64encode(signer.signature(_bytes(document))).decode()
    return document | {"key": signer.verifier().to_text(), "signature": signature}


def _bytes(document: Mapping[str, Any]) -> bytes:
    return CONTEXT + rfc8785.dumps({name: document[name] for name in SIGNED})


def redeem(document: object, said: Said) -> dict[str, str | int]:
    """Make the collector of a file and return its tokens; raises NotRedeemed."""
    code = _genuine(document)
    with transaction.atomic():
        found = Invitation.objects.open().select_for_update().filter(code=digest(code)).first()
        source = joining.source_of(joining.PREFIX + found.source) if found else None
        person = Employee.objects.active().filter(pk=found.subject_id).first() if found else None
        if found is None or source is None or person is None:
            raise NotRedeemed("This file was used, has run out, or its source is not in operation.")
        _use_up(found)
        about = {"how": How.FILE, "state": State.WAITING}
        collector = joining.join(subject_id=person.pk, source=source.key, said=said, **about)
        client = joining.client_of(source)
        actor = Actor(ActorKind.CLIENT, client.pk, role="client", label=source.title)
        facts = {"collector": str(collector.pk), "source": source.key}
        trail.record(Action.COLLECTOR_INSTALLED, actor=actor, subject_id=person.pk, facts=facts)
        outbox.post("collector_waits", to=person.pk, facts={"title": source.title})
        return joining.issue(collector, client)


def _use_up(found: Invitation) -> None:
    found.left -= 1
    if found.left:
        found.save(update_fields=["left"])
    else:
        found.delete()


def _genuine(document: object) -> str:
    """Return the code of a file that is as we made it."""
    if not isinstance(document, dict) or set(document) != SIGNED | {"key", "signature"}:
        raise NotRedeemed("This is no enrolment file.")
    try:
        signature = base64.b64decode(document["signature"], validate=True)
        signed = _bytes(document)
    except (TypeError, ValueError, rfc8785.CanonicalizationError) as error:
        raise NotRedeemed("This is no enrolment file.") from error
    ours = (each.verifier() for each in checkpoints.signers())
    if not any(each.to_text() == document["key"] and each.accepts(signed, signature) for each in ours):
        raise NotRedeemed("This file is not as it was made here.")
    return str(document["code"])


def forget_old() -> int:
    """Remove invitations that ran out."""
    return Invitation.objects.filter(until__lte=timezone.now()).delete()[0]
