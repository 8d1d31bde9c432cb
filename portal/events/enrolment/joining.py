"""How a collector joins: its row, the device it runs on, and the OAuth client that all of its source share."""

from __future__ import annotations

from uuid import UUID

from allauth.idp.oidc.models import Client
from django.db import transaction

from portal.events.enrolment.models import Called, Collector, Device
from portal.events.enrolment.values import How, Ownership, Said, State
from portal.people.models import ApiClient
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
    *, subject_id: UUID, source: str, said: Said, how: How = How.CODE, state: State = State.ACTIVE, country: str = ""
) -> Collector:
    """Make the collector, and its device unless the person has one of that name; in the caller's transaction."""
    device = device_of(subject_id, said, country)
    collector = Collector(subject_id=subject_id, source=source, device=device, how=how, state=state)
    collector.seal(said.account)
    collector.save(force_insert=True)
    return collector


def device_of(subject_id: UUID, said: Said, country: str = "") -> Device:
    for device in Device.objects.for_subject(subject_id).order_by("pk"):
        called = device.opened()
        if (called.said, called.system) == (said.device, said.system):
            return device
    device = Device(subject_id=subject_id, ownership=Ownership(said.ownership), country=country)
    device.seal(Called(name=said.device, said=said.device, system=said.system))
    device.save(force_insert=True)
    return device
