"""How a request is put in: once a click and once a key, with its deadline and its steps."""

from __future__ import annotations

import hashlib
import json
from datetime import date, datetime, timedelta
from typing import Any, NoReturn
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.audit import trail
from portal.audit.values import Action, Actor
from portal.people.models import Employee
from portal.people.subjects import find
from portal.planned import planned
from portal.rights import deadlines, holding, joining, kept, plans
from portal.rights.cases.values import LONGEST_NAME, Channel, channel_of
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind, NotAllowed, OpenedBy, State

ONE_AT_A_TIME = """
SELECT pg_advisory_xact_lock(hashtextextended(%s, 0)), e.jurisdiction, e.time_zone
FROM (SELECT %s::uuid AS id) one LEFT JOIN people_employee e ON e.id = one.id
"""
PLAN = """
INSERT INTO rights_steprun (request_id, position, name, state, cursor, done, total)
SELECT %s, place - 1, name, 'pending', '{}', 0, 0 FROM unnest(%s) WITH ORDINALITY AS step(name, place)
ON CONFLICT DO NOTHING
"""
DOUBLE_CLICK = timedelta(seconds=10)
SKEW = timedelta(minutes=5)


def actor_key(by: Actor) -> str:
    """Name an actor so that a person and a client never share a name."""
    return f"{by.kind}:{by.id}"


def digest(asked: dict[str, Any], subject_id: UUID, received_at: datetime | None) -> str:
    """Name what was asked, so that a key that comes again is known to mean the same."""
    whole = asked | {"subject_id": str(subject_id), "received_at": received_at.isoformat() if received_at else ""}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


def reused() -> NotAllowed:
    return NotAllowed("idempotency_key.reused", _("This Idempotency-Key was used for another request."))


def put_in(wanted: SubjectRequest, by: Actor) -> SubjectRequest:
    """Put a request in, with all that belongs to it, in the caller's transaction."""
    person = _one_at_a_time(wanted.subject_id)
    if found := _same(wanted):
        return found
    set_deadline(wanted, person)
    _check_how_it_came(wanted)
    wanted.state = _first_state(wanted)
    if lead := joining.first(wanted, at_once=wanted.state == State.PROCESSING):
        joining.follow(wanted, lead)
    wanted.save(force_insert=True)
    if wanted.state == State.PROCESSING and lead is None:
        plan(wanted)
    act(Action.REQUEST_OPENED, wanted, by, kind=wanted.kind, opened_by=wanted.opened_by)
    # What begins at once was asked about a moment ago.
    if lead is None and wanted.state != State.PROCESSING and (holds := holding.holds_on(wanted)):
        holding.put_off(wanted, holds)
    if lead:
        act(Action.REQUEST_JOINED, wanted, by, to=str(lead.pk))
    kept.keep_saved(wanted)
    return wanted


def _check_how_it_came(request: SubjectRequest) -> None:
    """A channel is one of the list; who stands in for the person is named in few words, which are kept sealed."""
    if request.channel:
        request.channel = channel_of(request.channel) or _no_channel()
    request.representative = request.representative.strip()
    if len(request.representative) > LONGEST_NAME:
        raise NotAllowed("representative.long", _("A name has at most %(n)d characters.") % {"n": LONGEST_NAME})
    if request.representative:
        details = {**request.details, "representative": request.representative}
        request.sealed_details = request.sealed("details", details)
        request.representative = ""


def repeated(wanted: SubjectRequest) -> SubjectRequest | None:
    """Return the request that this is sent for once more; others wait until the caller's transaction ends."""
    _one_at_a_time(wanted.subject_id)
    return _same(wanted)


def _one_at_a_time(subject_id: UUID) -> Employee | None:
    """Two clicks at once must see each other; return where the person is, so far as a date asks for it."""
    with connection.cursor() as cursor:
        cursor.execute(ONE_AT_A_TIME, [f"request:{subject_id}", subject_id])
        jurisdiction, zone = cursor.fetchone()[1:]
    return Employee(id=subject_id, jurisdiction=jurisdiction, time_zone=zone) if zone else None


def _same(wanted: SubjectRequest) -> SubjectRequest | None:
    mine = SubjectRequest.objects.filter(opener_id=wanted.opener_id)
    if wanted.idempotency_key:
        found = mine.filter(idempotency_key=wanted.idempotency_key).first()
        if found and found.body_digest != wanted.body_digest:
            raise reused()
        return found
    if wanted.opened_by != OpenedBy.SELF:
        return None
    lately = timezone.now() - DOUBLE_CLICK
    twins = (
        mine.for_subject(wanted.subject_id)
        .open()
        .filter(opened_at__gte=lately, kind=wanted.kind, account=wanted.account)
    )
    at_once = wanted.not_before is None
    return twins.filter(scope=wanted.scope, format=wanted.format, not_before__isnull=at_once).first()


def set_deadline(
    request: SubjectRequest,
    person: Employee | None = None,
    *,
    extended: bool = False,
    since: date | None = None,
    moves_first: bool = True,
) -> None:
    """Find the date; `since` where the time runs from a later day than the receipt (UK: once it is known who asks).

    The person is looked up unless given. The date of a refusal is the first one and never moves (Art. 12(4)): not for
    an extension, not for a question.
    """
    employee = person or find(request.subject_id)
    if employee is None:
        raise NotAllowed("subject.unknown", _("There is no such person."))
    if request.received > timezone.now() + SKEW:
        raise NotAllowed("received_at.future", _("A request cannot be received in the future."))
    rule, days_off = deadlines.rule_for(employee.jurisdiction, request.kind)
    received_on = since or request.received.astimezone(ZoneInfo(employee.time_zone)).date()
    found = deadlines.due(rule, days_off, received_on, extended=extended, excluded_days=request.stopped_days)
    request.due, request.rule, request.explanation = found.day, found.rule, found.explanation
    request.calendar, request.calendar_version = found.calendar, deadlines.version()
    if moves_first and not extended:
        request.first_due = found.day


def _no_channel() -> NoReturn:
    raise NotAllowed("channel.unknown", _("A channel is one of: %(listed)s.") % {"listed": ", ".join(Channel.values)})


def begin_alone(heir: SubjectRequest) -> None:
    """Begin a request whose lead was taken back, as if it had been put in first."""
    heir.state, heir.reason, heir.reason_code = _first_state(heir), "", ""
    heir.save(update_fields=["state", "reason", "reason_code", "joined_to"])
    if heir.state == State.PROCESSING:
        plan(heir)


def _first_state(request: SubjectRequest) -> State:
    """A copy starts at once, an erasure that the person asked for or that nothing stands against; the rest waits."""
    at_once = request.opened_by in (OpenedBy.SELF, OpenedBy.SYSTEM)
    if request.is_copy or (request.kind == Kind.ERASURE and at_once and not holding.holds_on(request)):
        return State.PROCESSING
    return State.IN_REVIEW


def plan(request: SubjectRequest) -> None:
    planned("daylight_plan", ("uuid", "text[]"), PLAN, [request.pk, plans.names_for(request)])


def act(action: Action, request: SubjectRequest, by: Actor, *, once: bool = False, **facts: str) -> None:
    trail.record(
        action,
        actor=by,
        subject_id=request.subject_id,
        case=str(request.pk),
        facts={**facts},
        once=f"{action}:{request.pk}" if once else "",
    )
