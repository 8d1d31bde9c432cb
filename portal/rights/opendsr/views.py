"""OpenDSR 2.0 as a processor: discovery, certificate, requests, their state, and taking one back."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from consent.values import Closed
from portal.http import Problem, View, require_json, rule
from portal.people.tokens import Token, look_up
from portal.rights import tasks
from portal.rights.opendsr import actions, reading, schemas
from portal.rights.opendsr.models import Asked
from portal.rights.opendsr.signing import NotConfigured, signer
from portal.rights.opendsr.values import (
    DOMAIN,
    OLD_DOMAIN,
    OLD_SIGNATURE,
    SIGNATURE,
    TYPES,
    VERSION,
    IdentityFormat,
    IdentityType,
    Wrong,
)

OPEN, READ = "requests.open", "requests.read"
Body = tuple[int, dict[str, Any]]


def spoken(view: Callable[..., Body]) -> View:
    """Answer in OpenDSR's shapes, signed over the bytes that are sent; 503 while there is nothing to sign with."""

    @wraps(view)
    def answered(request: HttpRequest, **named: Any) -> HttpResponse:
        try:
            status, body = view(request, **named)
        except (Wrong, Problem, Closed, NotConfigured) as error:
            wrong = _wrong(error)
            status, body = wrong.status, wrong.body()
        return _signed(status, body)

    return answered


def _wrong(error: Wrong | Problem | Closed | NotConfigured) -> Wrong:
    if isinstance(error, Wrong):
        return error
    if isinstance(error, Problem):
        return Wrong(error.status, error.detail, [(error.code, error.detail)])
    if isinstance(error, NotConfigured):
        return Wrong(503, str(error), [("not_configured", str(error))])
    return Wrong(503, "Nothing is taken in now; try again later.", [("closed", "The ledger does not hold.")])


def _signed(status: int, body: dict[str, Any]) -> HttpResponse:
    sent = json.dumps(body, ensure_ascii=False).encode()
    response = HttpResponse(sent, status=status, content_type="application/json")
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    try:
        by = signer()
    except NotConfigured:
        return response
    signature = by.sign(sent)
    # All parties honour the names of OpenGDPR too (10.1).
    response[DOMAIN] = response[OLD_DOMAIN] = by.domain
    response[SIGNATURE] = response[OLD_SIGNATURE] = signature
    return response


def _token(request: HttpRequest, scope: str) -> Token:
    kind, _space, value = request.headers.get("Authorization", "").partition(" ")
    found = look_up(value.strip(), request.path) if kind.lower() == "bearer" else None
    if found is None:
        raise Wrong(401, "Send a valid bearer token.", [("token.invalid", "The token is unknown, ended or expired.")])
    if scope not in found.scopes or found.user_id is not None:
        raise Wrong(403, "The token may not do this.", [("insufficient_scope", f"It needs the scope {scope}.")])
    require_json(request)
    return found


def tokened(**scopes: str) -> Callable[[Callable[..., Body]], View]:
    """Name the scope that each method asks of a program's token; the pages' matrix reads the rule."""

    def decorate(view: Callable[..., Body]) -> View:
        @csrf_exempt
        @require_http_methods([method.upper() for method in scopes])
        @spoken
        @wraps(view)
        def guarded(request: HttpRequest, **named: Any) -> Body:
            token = _token(request, scopes[str(request.method).lower()])
            signer()
            return view(request, token, **named)

        guarded.rule = "token"  # type: ignore[attr-defined]
        guarded.scopes = scopes  # type: ignore[attr-defined]
        return guarded

    return decorate


@require_safe
@rule("public")
@spoken
def discovery(request: HttpRequest) -> Body:
    """Say what is spoken here; public, and about nobody."""
    signer()
    return 200, {
        "api_version": VERSION,
        "supported_identities": [
            {"identity_type": kind.value, "identity_format": form.value}
            for kind in IdentityType
            for form in IdentityFormat
        ],
        "supported_subject_request_types": list(TYPES),
        "processor_certificate": f"{_origin()}/opendsr/v2/certificate",
    }


def _origin() -> str:
    """The certificate has to be fetched from the domain that it names."""
    ours = settings.ORIGIN.partition("://")[2].partition(":")[0] == settings.OPENDSR_DOMAIN
    return settings.ORIGIN if ours else f"https://{settings.OPENDSR_DOMAIN}"


@require_safe
@rule("public")
def certificate(request: HttpRequest) -> HttpResponse:
    try:
        return HttpResponse(signer().chain, content_type="application/x-pem-file")
    except NotConfigured as error:
        return _signed(503, _wrong(error).body())


@tokened(post=OPEN)
def requests(request: HttpRequest, token: Token, old: bool = False) -> Body:
    """Take a request in."""
    asked = actions.take_in(body=schemas.read(request.body, old=old), token=token)
    tasks.nudge(asked.request_id)
    return 201, {
        **reading.common(asked),
        "expected_completion_time": reading.due(asked.request),
        "received_time": reading.stamp(asked.request.opened_at),
        "encoded_request": base64.b64encode(request.body).decode(),
        "api_version": VERSION,
    }


@tokened(get=READ, delete=OPEN)
def one(request: HttpRequest, token: Token, number: str) -> Body:
    """Say how a request stands, or take it back; a program sees only its own."""
    asked = _own(token, number)
    if request.method == "GET":
        return 200, reading.standing(asked)
    actions.take_back(asked=asked, by=token.actor)
    return 202, {
        **reading.common(asked),
        "received_time": reading.stamp(timezone.now()),
        "api_version": VERSION,
    }


def _own(token: Token, number: str) -> Asked:
    try:
        wanted = UUID(number)
    except ValueError:
        wanted = None
    mine = Asked.objects.filter(client_id=token.client_id).select_related("request")
    found = mine.filter(subject_request_id=wanted).first() if wanted else None
    if found is None:
        raise Wrong(404, "There is no such request of yours.", [("not_found", "There is no such request of yours.")])
    return found
