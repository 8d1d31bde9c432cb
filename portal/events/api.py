"""What collectors call: send a batch, ask what may be sent."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Router, Schema

from consent.values import CATEGORIES, GateState
from portal import limits
from portal.events import admission, decode, devices, hot, ingest
from portal.events.gatekeeping import Gatekeeper
from portal.events.minimising.door import Door
from portal.events.minimising.resting import off_until
from portal.events.values import Accepted, Counts
from portal.http import Problem
from portal.people.models import Employee
from portal.people.subjects import subject_or_404
from portal.people.tokens import Bearer, Token
from portal.register.models import Source
from portal.register.values import Kind

router = Router(tags=["collectors"])


class BatchAnswer(Schema):
    """What became of a batch: stored and withheld make up what was sent."""

    batch: UUID
    stored: int
    withheld: Counts
    stripped: Counts


class Permission(Schema):
    """Whether a category may be sent now, and if not, why."""

    allowed: bool
    reason: str | None
    purposes: list[str]


class BlockedApps(Schema):
    """Apps of which nothing is kept, and where only some are kept, those."""

    blocked: list[str]
    allowed: list[str] | None = None


class Permissions(Schema):
    """What a collector may send about a person now."""

    subject: UUID
    source: str
    paused_until: datetime | None
    day_off_until: datetime | None = None
    categories: dict[str, Permission]
    apps: BlockedApps


# With an id of its own the schema finds its parts in itself, wherever it is put.
BATCH = {"$id": "urn:daylight:batch", **msgspec.json.schema(decode.Envelope)}
BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": BATCH}}}}


def _writer(token: Token) -> str:
    """Name who sends: batch ids are unique for them."""
    if collector := token.data.get("collector"):
        return f"collector:{collector}"
    return f"client:{token.client_id}/{token.user_id}" if token.user_id else f"client:{token.client_id}"


def _look(token: Token, source: str, named: str | None) -> tuple[hot.Known, Source, Employee]:
    """Return source and person, or raise what the caller is told of one that is not there or not theirs."""
    if not named and token.user_id is None:
        raise Problem(422, "subject.missing", "Say whose events these are.", [("/subject", "missing")])
    if "\0" in f"{source}{named}":
        raise Problem(404, "not_found", "Nothing has such a name.")
    whom = _subject_id(named) if named else token.user_id
    known = hot.look(source, whom or "", _writer(token))
    found = known.source
    if found is None:
        raise Problem(404, "source.unknown", "There is no such source.", [("/source", "unknown")])
    token.require_source(source)
    employee = known.employee
    if employee is None or token.user_id not in (None, employee.pk):
        employee = subject_or_404(token, named or str(token.user_id))
        # Found under another name: what is known of the source has to be known of this person.
        known = hot.look(source, employee.pk, _writer(token))
    return known, found, employee


def _subject_id(named: str) -> UUID | str:
    try:
        return UUID(named)
    except ValueError:
        return named


@router.put(
    "/batches/{uuid:batch}",
    auth=Bearer("events.write"),
    response={201: BatchAnswer, 200: BatchAnswer},
    openapi_extra=BODY,
)
def put_batch(request: HttpRequest, batch: UUID) -> HttpResponse:
    """Take a batch in; sent once more under the same id it gets the first answer."""
    token: Token = request.auth  # type: ignore[attr-defined]
    writer = _writer(token)
    if token.user_id:
        limits.check("batches", writer, settings.INGEST_BATCHES_PER_MINUTE)
    raw = decode.read_body(request)
    with admission.doors.enter():
        accepted = _accept(token, writer, batch, raw, _page(request))
    answer = {
        "batch": accepted.batch,
        "stored": accepted.stored,
        "withheld": accepted.withheld,
        "stripped": accepted.stripped,
    }
    return HttpResponse(
        msgspec.json.encode(answer), status=200 if accepted.replayed else 201, content_type="application/json"
    )


def _page(request: HttpRequest) -> str:
    """Return the origin of the page that calls, where one of another application does."""
    return str(getattr(request, "origin_of_page", ""))


def _accept(token: Token, writer: str, batch: UUID, raw: bytes, page: str) -> Accepted:
    envelope = decode.read_batch(raw)
    known, source, employee = _look(token, envelope.source, envelope.subject or None)
    if not token.user_id:
        limits.check("batches", f"{writer}/{employee.pk}", settings.INGEST_BATCHES_PER_MINUTE)
    return ingest.accept(
        writer=writer,
        batch_id=batch,
        source=source,
        employee=employee,
        raw=raw,
        events=envelope.events,
        arrived=timezone.now(),
        imported=source.kind == Kind.IMPORT,
        known=known,
        page=page,
    )


@router.get("/permissions", auth=Bearer("events.write"), response=Permissions)
def get_permissions(request: HttpRequest, source: str, subject: str = "", app: str = "") -> HttpResponse:
    """Say what may be sent of a person now, and why not the rest; with `app`, what of that one."""
    token: Token = request.auth  # type: ignore[attr-defined]
    known, named, employee = _look(token, source, subject)
    limits.check("calls", f"{_writer(token)}/{employee.pk}", settings.API_CALLS_PER_MINUTE)
    state = known.state()
    if state is not None and state.closed:
        raise Problem(503, "site.closed", "Nothing is accepted while the ledger is being checked.")
    if state is not None:
        devices.asked(known.sender, state)
    asks = (_writer(token), _page(request))
    keeper = Gatekeeper(state or GateState(employee.pk, 0, 0), named, known, employee, named.kind == Kind.IMPORT, *asks)
    said = _permissions(keeper, app)
    body = msgspec.json.encode(said)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if _matches(request.headers.get("If-None-Match", ""), tag):
        return HttpResponse(status=304, headers=headers)
    return HttpResponse(body, content_type="application/json", headers=headers)


def _apps(door: Door, purposes: Collection[str]) -> dict[str, list[str]]:
    allowed = door.allowed_for(purposes)
    listed = {} if allowed is None else {"allowed": sorted(allowed)}
    return {"blocked": sorted(door.blocked_for(purposes)), **listed}


def _matches(asked: str, tag: str) -> bool:
    return tag in (each.strip().removeprefix("W/") for each in asked.split(",")) or asked.strip() == "*"


def _permissions(keeper: Gatekeeper, app: str) -> dict[str, object]:
    moment = timezone.now()
    now = round(moment.timestamp() * 1000)
    verdicts = {category: keeper.now(category, now, app) for category in CATEGORIES}
    # A collector that its person does not let send is told that alone: nothing of their pauses, days off or answers.
    shut = bool(keeper.device)
    until = None if shut else keeper.state.paused_until(now)
    return {
        "subject": keeper.state.subject_id,
        "source": keeper.source,
        "paused_until": datetime.fromtimestamp(until / 1000, UTC) if until else None,
        "day_off_until": None if shut else off_until(keeper.state.days_off, keeper.zone, moment),
        "categories": {
            category: {
                "allowed": not verdict.reason,
                "reason": verdict.reason or None,
                "purposes": verdict.purposes,
            }
            for category, verdict in verdicts.items()
        },
        "apps": _apps(keeper.door, () if shut else keeper.purposes),
    }
