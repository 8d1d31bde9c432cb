"""How a collector joins: its row, the device it runs on, and the OAuth client that all of its source share."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

from allauth.idp.oidc.models import Client, Token
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from portal.events.enrolment.models import Called, Collector, Device
from portal.events.enrolment.values import How, Ownership, Said, State
from portal.people.models import ApiClient, Employee
from portal.people.tokens import INGEST
from portal.register.models import Source
from portal.register.values import Kind
from portal.register.values import State as Live

PREFIX = "collector-"
GRANTS = [Client.GrantType.DEVICE_CODE.value, Client.GrantType.REFRESH_TOKEN.value]


def source_of(client_id: str) -> Source | None:
    """Return the live source whose collectors use this client; nothing but a person's own device joins by it."""
    if not client_id.startswith(PREFIX) or "\0" in client_id:
        return None
    named = Source.objects.filter(pk=client_id.removeprefix(PREFIX), state=Live.LIVE)
    return named.exclude(kind=Kind.IMPORT).first()


def client_of(source: Source) -> Client:
    """Return the public client of a source's collectors, made at its first use."""
    made = Client.objects.filter(pk=f"{PREFIX}{source.key}", api_client__isnull=False).first()
    if made is not None:
        return made
    client = Client(id=f"{PREFIX}{source.key}", name=source.title[:100], type=Client.Type.PUBLIC)
    client.set_grant_types(GRANTS)
    client.set_scopes([INGEST])
    client.set_default_scopes([INGEST])
    with transaction.atomic():
        Client.objects.bulk_create([client], ignore_conflicts=True)
        bound = ApiClient(client=client, sources=[source.key])
        ApiClient.objects.bulk_create([bound], ignore_conflicts=True)
    return client


def join(
    *, subject_id: UUID, source: str, said: Said, how: How = How.CODE, state: State = State.ACTIVE, **about: Any
) -> Collector:
    """Make the collector, and its device unless the person has this one; in the caller's transaction."""
    device = device_of(subject_id, said)
    collector = Collector(subject_id=subject_id, source=source, device=device, how=how, state=state, **about)
    collector.seal(said.account)
    collector.save(force_insert=True)
    return collector


def device_of(subject_id: UUID, said: Said) -> Device:
    """Return the device that calls itself so, made where the person has none of that name and system."""
    if known := known_device(subject_id, said):
        return known
    device = Device(subject_id=subject_id, ownership=Ownership(said.ownership))
    device.seal(Called(name=said.device, said=said.device, system=said.system))
    device.save(force_insert=True)
    return device


def known_device(subject_id: UUID, said: Said) -> Device | None:
    for device in Device.objects.for_subject(subject_id).order_by("pk"):
        called = device.opened()
        if (called.said, called.system) == (said.device, said.system):
            return device
    return None


def tokens_of(collector: Collector) -> QuerySet[Token]:
    return Token.objects.filter(user=collector.subject_id, data__collector=str(collector.pk))


def bound(collector: Collector) -> dict[str, str]:
    """Return what stands in each token of a collector; the device and the account are the collector's own."""
    return {"collector": str(collector.pk)}


def said_of(collector: Collector) -> dict[str, str]:
    """Return what a collector is told with its token, to show on the device whose it is."""
    number = Employee.objects.values_list("employee_number", flat=True).get(pk=collector.subject_id)
    return {"collector": str(collector.pk), "employee_number": number}


def issue(collector: Collector, client: Client) -> dict[str, str | int]:
    """Make a collector's first tokens and return them as the token endpoint answers."""
    lives = {
        Token.Type.ACCESS_TOKEN: settings.IDP_OIDC_ACCESS_TOKEN_EXPIRES_IN,
        Token.Type.REFRESH_TOKEN: settings.IDP_OIDC_REFRESH_TOKEN_EXPIRES_IN,
    }
    values = {kind: secrets.token_urlsafe(64) for kind in lives}
    for kind, seconds in lives.items():
        token = Token(type=kind, client=client, user_id=collector.subject_id, data=bound(collector))
        token.expires_at = timezone.now() + timedelta(seconds=seconds)
        token.set_value(values[kind])
        token.set_scopes([INGEST])
        token.save()
    return {
        "access_token": values[Token.Type.ACCESS_TOKEN],
        "refresh_token": values[Token.Type.REFRESH_TOKEN],
        "expires_in": lives[Token.Type.ACCESS_TOKEN],
        "refresh_expires_in": lives[Token.Type.REFRESH_TOKEN],
        "token_type": "Bearer",
        "scope": INGEST,
        **said_of(collector),
    }
