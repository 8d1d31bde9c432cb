"""Who calls the API: a bearer token of allauth's, looked up by one SELECT at each call, so that an end is at once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from ninja.security import HttpBearer

from portal import limits
from portal.audit.values import Actor, ActorKind
from portal.http import Problem, require_json
from portal.planned import planned

SCOPES = {
    "events.write": _("Send events of the sources it is bound to"),
    "consent.read": _("Read decisions and receipts"),
    "requests.open": _("Open requests on a person's behalf"),
    "requests.read": _("Read the state of requests"),
    "requests.handle": _("Approve, refuse and extend requests"),
    "bundles.read": _("Fetch the copies it asked for"),
    "releases.read": _("Read releases of training data"),
}

# Counted by batches, where they are taken in.
INGEST = "events.write"

# allauth's own lookup costs three queries and says 401 to a missing scope; the hot path has room for one.
LOOKUP = """
SELECT t.client_id, c.name, t.user_id, t.scopes, c.scopes, t.data,
       coalesce(a.sources, '[]'::jsonb), coalesce(a.may_read_decisions, false)
  FROM allauth_idp_oidc_token t
  JOIN allauth_idp_oidc_client c ON c.id = t.client_id
  LEFT JOIN people_apiclient a ON a.client_id = c.id
  LEFT JOIN people_employee u ON u.id = t.user_id
 WHERE t.type = 'at' AND t.hash = %s
   AND (t.expires_at IS NULL OR t.expires_at > now())
   AND (t.user_id IS NULL OR u.is_active)
"""


@dataclass(frozen=True)
class Token:
    """Who calls: a program of the company (`user_id` is None), or a collector on one person's behalf."""

    client_id: str
    client_name: str
    user_id: UUID | None
    scopes: frozenset[str]
    sources: frozenset[str]
    may_read_decisions: bool
    data: dict[str, Any]
    path: str

    @property
    def actor(self) -> Actor:
        if self.user_id:
            return Actor(kind=ActorKind.PERSON, id=str(self.user_id), role="employee", label="")
        return Actor(kind=ActorKind.CLIENT, id=self.client_id, role="client", label=self.client_name)

    def require_source(self, key: str) -> None:
        """Raise Problem 403 for a source that this client is not bound to, whether or not there is such a source."""
        if key not in self.sources:
            raise Problem(403, "source_not_bound", f"This client is not bound to the source {key[:64]!r}.")


class Bearer(HttpBearer):
    """Asks for a token in force that has the scope: 401 without the one, 403 without the other."""

    def __init__(self, scope: str) -> None:
        super().__init__()
        if scope not in SCOPES:
            message = f"no such scope: {scope}"
            raise ValueError(message)
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> Token:
        found = look_up(token, request.path)
        if found is None:
            raise Problem(
                401,
                "token.invalid",
                "The token is unknown, ended or expired.",
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        if self.scope not in found.scopes:
            challenge = f'Bearer error="insufficient_scope", scope="{self.scope}"'
            raise Problem(
                403,
                "insufficient_scope",
                f"The token lacks the scope {self.scope}.",
                headers={"WWW-Authenticate": challenge},
            )
        if self.scope != INGEST:
            limits.check("calls", f"{found.client_id}/{found.user_id or ''}", settings.API_CALLS_PER_MINUTE)
        require_json(request)
        return _narrowed(found, request)


def _narrowed(token: Token, request: HttpRequest) -> Token:
    """Leave of what it is bound to only the sources that list the origin of the page that calls, where one does."""
    listed = getattr(request, "sources_of_origin", None)
    return token if listed is None else replace(token, sources=token.sources & listed)


def look_up(value: str, path: str = "") -> Token | None:
    """Return what the token stands for; a scope taken from the client is gone from its tokens too."""
    rows = planned("daylight_token", ("text",), LOOKUP, [hashlib.sha256(value.encode()).hexdigest()])
    if not rows:
        return None
    row = rows[0]
    client_id, name, user_id, granted, allowed, data, sources, may_read = row
    return Token(
        client_id=client_id,
        client_name=name,
        user_id=user_id,
        scopes=frozenset(granted.split()) & frozenset(allowed.split()),
        sources=frozenset(_json(sources)),
        may_read_decisions=may_read,
        data=_json(data) or {},
        path=path,
    )


def _json(value: Any) -> Any:
    """Django's connection hands JSON columns of a raw SELECT over as text."""
    return json.loads(value) if isinstance(value, str) else value
