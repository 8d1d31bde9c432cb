"""The OAuth endpoints that collectors call: allauth's, with each token bound to one collector.

allauth keeps what is pending in the cache alone. Who confirmed a code is a row of ours, so that an approval outlives
the cache, is taken once, and a token that is being fetched waits for whoever ends the collector.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from allauth.account.adapter import get_adapter as account_adapter
from allauth.idp.oidc.adapter import get_adapter
from allauth.idp.oidc.internal.oauthlib import device_codes
from allauth.idp.oidc.models import Token
from allauth.idp.oidc.views import DeviceCodeView, RevokeView, TokenView
from django.core.cache import cache
from django.db import transaction
from django.db.models.functions import Least
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from oauthlib.oauth2.rfc6749.errors import InvalidGrantError

from portal import limits, strictjson
from portal.audit.values import Actor, ActorKind
from portal.events.enrolment import actions, files, joining, said, spent
from portal.events.enrolment.models import Collector
from portal.events.enrolment.values import Said, State
from portal.http import Problem, View
from portal.people.models import Employee
from portal.people.tokens import INGEST

CODES_PER_MINUTE = 60
# How long what was fetched before a refresh goes on: long enough for what is on its way.
OVERLAP = timedelta(seconds=60)
UNKNOWN = "This code or token is not known, was used, or has run out: begin again."


def error(code: str, says: str, status: int = 400, headers: dict[str, str] | None = None) -> JsonResponse:
    return JsonResponse({"error": code, "error_description": says}, status=status, headers=headers)


def called_by_programs(view: View) -> View:
    """Mark an address that needs no session: what is sent to it says who calls."""
    view.rule = "client"  # type: ignore[attr-defined]
    return view


def too_many(request: HttpRequest) -> HttpResponse | None:
    """Count one try to join from this address; return the answer to one too many."""
    try:
        limits.check("enrolments", account_adapter().get_client_ip(request), CODES_PER_MINUTE)
    except Problem as problem:
        return error("temporarily_unavailable", problem.detail, 429, headers=problem.headers)
    return None


class CodeView(DeviceCodeView):
    """Gives out a code, and remembers with it what the device says of itself."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        source = joining.source_of(request.POST.get("client_id", ""))
        if source is None:
            return error("invalid_client", "No source that is in operation has such a client.", 401)
        if refused := too_many(request):
            return refused
        try:
            device = said.read(request.POST)
        except said.Unreadable as wrong:
            return error("invalid_request", str(wrong))
        joining.client_of(source)
        answer = super().post(request, *args, **kwargs)
        if answer.status_code == 200 and not _remember(answer, device, request.POST.get("employee", "")[:64]):
            return error("temporarily_unavailable", "No code can be kept just now: try again.", 503)
        return answer


def _remember(answer: HttpResponse, device: Said, employee: str) -> bool:
    code = json.loads(answer.content)["device_code"]
    pending = cache.get(device_codes.cache_device_code_key(code))
    if pending is None:
        return False
    return device_codes.update_device_state(code, pending | {"said": asdict(device), "employee": employee})


class CollectorTokenView(TokenView):
    """Gives out tokens; one of a collector's client always belongs to a collector."""

    def _post_device_token(self, request: HttpRequest) -> HttpResponse:
        code, client_id = request.POST.get("device_code", ""), request.POST.get("client_id", "")
        found = Collector.objects.to_fetch(code).select_for_update().first() if code else None
        if found is None or joining.PREFIX + found.source != client_id:
            return _said_why(super()._post_device_token(request))
        employee = Employee.objects.active().filter(pk=found.subject_id).first()
        if employee is None:
            raise InvalidGrantError(UNKNOWN)
        found.code = found.fetch_until = None
        found.save()
        answer = self._create_token_response(request, user=employee, data={"scope": [INGEST], "collector": found})
        cache.delete(device_codes.cache_device_code_key(code))
        return answer

    def _create_token_response(
        self, request: HttpRequest, *, user: Any = None, data: dict[str, Any] | None = None
    ) -> HttpResponse:
        refresh = request.POST.get("refresh_token", "")
        collector = (data or {}).get("collector") or _of_refresh(refresh)
        if collector is not None and collector.state == State.ENDED:
            raise InvalidGrantError(UNKNOWN)
        answer = super()._create_token_response(request, user=user, data=data)
        if answer.status_code != 200:
            _end_if_copied(refresh)
            return _said_why(answer)
        if collector is not None and refresh:
            spent.note(refresh, collector.pk)
        return _bound(answer, collector)


def _end_if_copied(refresh: str) -> None:
    """End the collector of a token that was used before: two hold it, and one of them is not its device."""
    found = Collector.objects.running().filter(pk=spent.whose(refresh)).first()
    if found is not None:
        actions.end(collector=found, by=_itself(found))


def _said_why(answer: HttpResponse) -> HttpResponse:
    """Say what to do where a code is gone: with the cache, or because it was used."""
    if answer.status_code == 400 and json.loads(answer.content).get("error") == "invalid_grant":
        return error("invalid_grant", UNKNOWN)
    return answer


def _of_refresh(value: str) -> Collector | None:
    """Return whose token this is, locked: whoever ends the collector waits, and then takes the new tokens as well."""
    token = Token.objects.lookup(Token.Type.REFRESH_TOKEN, value) if value else None
    if token is None or not token.data:
        return None
    named = {"pk": token.data.get("collector"), "subject_id": token.user_id}
    return Collector.objects.select_for_update().filter(**named).first()


def _bound(answer: HttpResponse, collector: Collector | None) -> HttpResponse:
    """Write into the new tokens whose they are; a collector's client gets none that are nobody's."""
    given = json.loads(answer.content)
    hashes = [get_adapter().hash_token(given[name]) for name in ("access_token", "refresh_token") if name in given]
    made = Token.objects.filter(hash__in=hashes)
    if collector is None:
        if not made.filter(client__id__startswith=joining.PREFIX).exists():
            return answer
        transaction.set_rollback(True)
        return error("invalid_grant", UNKNOWN)
    made.update(data=joining.bound(collector))
    earlier = joining.tokens_of(collector).exclude(hash__in=hashes)
    earlier.update(expires_at=Least("expires_at", timezone.now() + OVERLAP))
    return JsonResponse(given | joining.said_of(collector))


class CollectorRevokeView(RevokeView):
    """Ends the whole collector with either of its tokens: what is taken off a device leaves nothing behind."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        token = Token.objects.valid().by_value(request.POST.get("token", "")).exclude(user=None).first()
        answer = super().post(request, *args, **kwargs)
        collector = token.data.get("collector") if token and token.data else None
        if answer.status_code == 200 and collector and token and token.client_id == request.POST.get("client_id"):
            found = Collector.objects.filter(pk=collector).first()
            if found is not None:
                actions.end(collector=found, by=_itself(found))
        return answer


def _itself(collector: Collector) -> Actor:
    return Actor(ActorKind.CLIENT, joining.PREFIX + collector.source, role="client", label=collector.source)


@called_by_programs
@csrf_exempt
@require_POST
def enrol(request: HttpRequest) -> HttpResponse:
    """Let a collector join by the file that it was installed with; it waits for its person's answer."""
    if refused := too_many(request):
        return refused
    try:
        sent = strictjson.parse(request.body)
        if not isinstance(sent, dict):
            raise said.Unreadable("send one JSON object")
        answer = files.redeem(sent.get("file"), said.read(sent))
    except (strictjson.Malformed, said.Unreadable) as wrong:
        return error("invalid_request", str(wrong))
    except files.NotRedeemed as wrong:
        return error("invalid_grant", str(wrong))
    return JsonResponse(answer)


device_code = called_by_programs(CodeView.as_view())
token = called_by_programs(CollectorTokenView.as_view())
revoke = called_by_programs(CollectorRevokeView.as_view())
