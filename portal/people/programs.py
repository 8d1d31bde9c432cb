"""Programs of the company: OAuth clients bound to scopes and sources."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from uuid import UUID

from allauth.idp.oidc.models import Client
from django.db import transaction

from portal.audit import trail
from portal.audit.values import Action, Actor
from portal.people.holders import holders
from portal.people.models import ApiClient
from portal.people.roles import Role
from portal.people.tokens import SCOPES
from portal.register.models import Source


class KnownPrograms:
    """outbox.ports.Programs: what a program may be told of is what it may read now."""

    def name(self, client_id: str) -> str:
        found = Client.objects.filter(pk=client_id, api_client__isnull=False).first()
        return found.name if found else ""

    def may_read(self, client_id: str, scope: str, *, answers: bool) -> bool:
        found = ApiClient.objects.filter(client_id=client_id).select_related("client").first()
        if found is None or (answers and not found.may_read_decisions):
            return False
        return not scope or scope in found.client.get_scopes()

    def operators(self) -> list[UUID]:
        return holders(Role.OPERATOR)


class NotCreated(Exception):
    """The client cannot be made so; the text says why."""


@dataclass(frozen=True)
class Credentials:
    """The secret is known here and never again: the database has only its hash."""

    client_id: str
    client_secret: str


def create_client(
    *, name: str, scopes: list[str], sources: list[str], may_read_decisions: bool, by: Actor
) -> Credentials:
    _check(name, scopes, sources)
    secret = secrets.token_urlsafe(32)
    client = Client(name=name, type=Client.Type.CONFIDENTIAL, grant_types=Client.GrantType.CLIENT_CREDENTIALS)
    client.set_scopes(scopes)
    # Without default scopes a program that asks for none gets a token that is good for nothing.
    client.set_default_scopes(scopes)
    client.set_secret(secret)
    with transaction.atomic():
        client.save(force_insert=True)
        ApiClient.objects.create(client=client, sources=sources, may_read_decisions=may_read_decisions)
        facts = {"client": client.pk, "name": name, "scopes": scopes, "sources": sources}
        trail.record(Action.API_CLIENT_CREATED, actor=by, facts=facts | {"may_read_decisions": may_read_decisions})
    return Credentials(client.pk, secret)


def _check(name: str, scopes: list[str], sources: list[str]) -> None:
    if not name.strip() or len(name) > 100 or not name.isprintable():
        raise NotCreated("A client needs a name of at most 100 printable characters.")
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        wrong = f"Unknown scopes: {', '.join(unknown)}." if unknown else "A client needs a scope."
        raise NotCreated(f"{wrong} There are: {', '.join(SCOPES)}.")
    known = set(Source.objects.values_list("key", flat=True))
    strangers = [key for key in sources if key not in known]
    if strangers:
        there = ", ".join(sorted(known)) or "none yet; run `manage.py policy apply` first"
        raise NotCreated(f"Unknown sources: {', '.join(strangers)}. There are: {there}.")


def end_client(*, client_id: str, by: Actor) -> bool:
    """Forget a client and, with it, every token it holds; False if there is none."""
    with transaction.atomic():
        found = Client.objects.filter(pk=client_id, api_client__isnull=False).first()
        if found is None:
            return False
        trail.record(Action.API_CLIENT_ENDED, actor=by, facts={"client": found.pk, "name": found.name})
        found.delete()
    return True
