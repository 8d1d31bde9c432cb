"""Endpoints and what they are told: everything that changes them. Nothing is sent here."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.audit import trail
from portal.audit.values import Action, Actor
from portal.outbox import destinations, fetch, ports, signing
from portal.outbox.actions import post
from portal.outbox.models import Delivery, Endpoint
from portal.outbox.values import NEEDS, OVERLAP, TELLS_AN_ANSWER, Course, Off, Told
from portal.planned import planned
from portal.vault import serverkey

WANTED = "SELECT 1 FROM outbox_endpoint WHERE off = '' AND events ? %s LIMIT 1"
LONGEST_OVERLAP = timedelta(days=31)


class NotPossible(Exception):
    """An endpoint that cannot be made or changed so; the text says why."""


def listening(kind: str) -> list[Endpoint]:
    if not planned("daylight_endpoints", ("text",), WANTED, [kind]):
        return []
    return [endpoint for endpoint in Endpoint.objects.on() if kind in endpoint.events]


def tell(kind: str, data: Mapping[str, str | int], *, subject_id: UUID | None = None, once: str = "") -> int:
    """Write down, in the caller's transaction, that each endpoint that asked for it is to be told; return how many are.

    `data` are ids and nothing else. Of several with the same `once` an endpoint is told of the first.
    """
    there = listening(kind)
    event_id = signing.new_id()
    same = {"event_id": event_id, "kind": kind, "data": dict(data), "subject_id": subject_id, "once": once or None}
    Delivery.objects.bulk_create([Delivery(endpoint=each, **same) for each in there], ignore_conflicts=True)
    return len(there)


def body(delivery: Delivery) -> bytes:
    """Return what is sent: the same bytes at each try."""
    at = delivery.told_at.isoformat().replace("+00:00", "Z")
    return json.dumps({"type": delivery.kind, "timestamp": at, "data": delivery.data}, separators=(",", ":")).encode()


def secrets_of(endpoint: Endpoint) -> list[str]:
    """Return the secrets that are valid now, the newest first."""
    sealed = [endpoint.sealed_secret]
    if endpoint.earlier_until and endpoint.earlier_until > timezone.now():
        sealed.append(endpoint.sealed_earlier)
    return [serverkey.open_secret(each) for each in sealed]


def may_be_told(endpoint: Endpoint, kind: str) -> bool:
    """Ask it of the program that the endpoint belongs to: when it is made, and again before each call."""
    programs, scope = ports.installed.programs, NEEDS[Told(kind)]
    return programs.may_read(endpoint.client_id, scope, answers=kind in TELLS_AN_ANSWER)


# --- what operators do


@transaction.atomic
def create(*, url: str, client_id: str, events: Collection[str], by: Actor) -> tuple[Endpoint, str]:
    """Make an endpoint of a program; return it with its secret, which is shown this once. Raises NotPossible."""
    secret = signing.new_secret()
    wanted = Endpoint(url=url, client_id=client_id, events=sorted(set(events)))
    wanted.sealed_secret = serverkey.seal_secret(secret)
    _check(wanted)
    wanted.save(force_insert=True)
    _act(Action.WEBHOOK_CREATED, wanted, by, client=client_id, events=wanted.events)
    return wanted, secret


def _check(wanted: Endpoint) -> None:
    unknown = [each for each in wanted.events if each not in Told.values]
    if unknown or not wanted.events:
        raise NotPossible(_("There are these events: %(known)s.") % {"known": ", ".join(Told.values)})
    if not ports.installed.programs.name(wanted.client_id):
        raise NotPossible(_("There is no such client: an endpoint belongs to a program (manage.py api_client create)."))
    hidden = [each for each in wanted.events if not may_be_told(wanted, each)]
    if hidden:
        what = {"events": ", ".join(hidden)}
        raise NotPossible(_("This client may not read what these events tell of: %(events)s.") % what)
    try:
        fetch.allowed(wanted.url, internal=True)
    except destinations.Refused as error:
        raise NotPossible(_("We never call this address (%(code)s).") % {"code": error.code}) from error


@transaction.atomic
def rotate(*, endpoint: Endpoint, by: Actor, overlap: timedelta = OVERLAP) -> str:
    """Give an endpoint a new secret; for the time of the overlap the one before signs too. Returns the new one."""
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise NotPossible(_("Two secrets may overlap for at most 31 days."))
    found, secret = Endpoint.objects.select_for_update().get(pk=endpoint.pk), signing.new_secret()
    found.sealed_earlier, found.sealed_secret = found.sealed_secret, serverkey.seal_secret(secret)
    found.earlier_until = timezone.now() + overlap
    found.save(update_fields=["sealed_secret", "sealed_earlier", "earlier_until"])
    _act(Action.WEBHOOK_ROTATED, found, by)
    return secret


@transaction.atomic
def disable(*, endpoint: Endpoint, why: str, by: Actor) -> bool:
    """Tell an endpoint nothing more, and the operators so unless one of them did it; what waits stays."""
    off = {"off": why, "off_at": Now()}
    if not Endpoint.objects.on().filter(pk=endpoint.pk).update(**off):
        return False
    act = _act(Action.WEBHOOK_DISABLED, endpoint, by, why=str(why))
    for operator in ports.installed.programs.operators() if why != Off.OPERATOR else ():
        facts = {"endpoint": str(endpoint.pk), "why": str(why)}
        post("endpoint_off", to=operator, facts=facts, once=f"endpoint_off:{act}:{operator}")
    return True


@transaction.atomic
def enable(*, endpoint: Endpoint, by: Actor) -> None:
    """Tell an endpoint again, what waited first. Raises NotPossible where it may not be told any more."""
    _check(endpoint)
    on = {"off": "", "off_at": None, "silences": 0, "rests_until": None}
    Endpoint.objects.filter(pk=endpoint.pk).update(**on)
    _act(Action.WEBHOOK_ENABLED, endpoint, by)


@transaction.atomic
def replay(*, deliveries: Collection[UUID], by: Actor) -> int:
    """Tell once more what was taken or given up, under the same id and with all tries; return how many there are."""
    again = Delivery.objects.filter(pk__in=deliveries, endpoint__off="").exclude(state=Course.WAITING)
    count = again.update(state=Course.WAITING, tries=0, wake_at=None, lease_until=None, settled_at=None)
    if count:
        trail.record(Action.WEBHOOK_REPLAYED, actor=by, facts={"deliveries": count})
    return count


def _act(action: Action, endpoint: Endpoint, by: Actor, **facts: Any) -> int:
    act = trail.record(action, actor=by, facts={"endpoint": str(endpoint.pk), **facts})
    return act.pk if act else 0
