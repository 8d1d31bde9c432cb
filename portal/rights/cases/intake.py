"""Requests that come in from outside: recorded, matched to a person, or closed with an answer by two people."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.audit import trail
from portal.audit.values import Action, Actor
from portal.people.models import Employee
from portal.people.subjects import find, in_line
from portal.rights import deadlines
from portal.rights.actions import open_request
from portal.rights.cases import actions
from portal.rights.cases.models import Entry, File, Intake
from portal.rights.cases.values import ENDINGS, LONGEST_TEXT, Delivery, EntryKind, Identity, IntakeState, Upload
from portal.rights.handling import cannot_decide
from portal.rights.models import SubjectRequest
from portal.rights.opening import actor_key
from portal.rights.values import Format, NotAllowed, OpenedBy
from portal.vault import objects

NOON = time(12)


@dataclass(frozen=True)
class Came:
    """What is known of a request that came in from outside; the words are about a person and are kept sealed."""

    kind: str
    channel: str
    received_on: date
    text: str
    identity: str = Identity.NOT_YET
    delivery: str = Delivery.ACCOUNT
    format: str = Format.CSV
    name: str = ""
    contact: str = ""
    representative: str = ""
    files: tuple[Upload, ...] = ()
    # The form's own number: sent twice, it is recorded once.
    id: UUID = field(default_factory=uuid.uuid4)


# --- recording


def record(*, came: Came, person: Employee | None, by: Actor) -> Intake:
    """Record what came in; of somebody known it becomes their request at once, with its clock from the receipt."""
    handler = _handler(by)
    if found := Intake.objects.filter(pk=came.id).first():
        return found
    if came.received_on > timezone.localdate():
        raise NotAllowed("received_at.future", _("A request cannot be received in the future."))
    return _of_nobody(came, handler, by) if person is None else _of(person, came, by)


def _of(person: Employee, came: Came, by: Actor) -> Intake:
    must_not_concern(person, by)
    if came.identity == Identity.NOT_YET:
        raise NotAllowed("identity.missing", _("Say how you know who asks; until then leave the number empty."))
    draft = SubjectRequest(subject_id=person.pk)
    files = [actions.put(File(entry=Entry(request=draft)), each) for each in came.files]
    intake = Intake(pk=came.id, recorded_by=actor_key(by), received=moment(came.received_on, person.time_zone))
    intake.kind, intake.channel = came.kind, came.channel
    with transaction.atomic():
        request = _become(intake, person, came, by)
        _keep_words(request, came.text, files, by)
        intake.save(force_insert=True)
        _act(Action.INTAKE_RECORDED, intake, by)
    return intake


def _of_nobody(came: Came, handler: Employee, by: Actor) -> Intake:
    """Keep it with a clock of its own, by the rule where it was taken in, until somebody finds out who asks."""
    intake = Intake(pk=came.id, kind=came.kind, channel=came.channel, recorded_by=actor_key(by))
    intake.identity, intake.delivery = Identity.NOT_YET, came.delivery
    intake.received = moment(came.received_on, handler.time_zone)
    rule, days_off = deadlines.rule_for(handler.jurisdiction, came.kind)
    found = deadlines.due(rule, days_off, came.received_on)
    intake.due, intake.explanation = found.day, found.explanation
    said = {"name": came.name, "contact": came.contact, "text": came.text, "representative": came.representative}
    intake.seal({**said, "format": came.format, "notes": []})
    files = [actions.put(File(intake=intake), each) for each in came.files]
    with transaction.atomic():
        intake.save(force_insert=True)
        File.objects.bulk_create(files)
        _act(Action.INTAKE_RECORDED, intake, by)
    return intake


def moment(day: date, zone: str) -> datetime:
    """Return a time on a day that somebody wrote on a letter: noon there, or now where that is still to come."""
    return min(datetime.combine(day, NOON, ZoneInfo(zone)), timezone.now())


# --- somebody unknown


@transaction.atomic
def take(*, intake: Intake, by: Actor) -> None:
    handler = _handler(by)
    Intake.objects.filter(pk=intake.pk).update(handler_id=handler.pk)
    _act(Action.CASE_TAKEN, intake, by)


@transaction.atomic
def note(*, intake: Intake, text: str, by: Actor) -> None:
    """Write down what was done to find out who asks."""
    _handler(by)
    found = _open_one(intake)
    body = found.body
    body["notes"] = [*body.get("notes", []), {"at": timezone.now().isoformat(), "by": by.role, "text": text.strip()}]
    found.seal(body)
    found.save(update_fields=["sealed_body"])
    _act(Action.NOTE_WRITTEN, found, by)


def match(*, intake: Intake, person: Employee, identity: str, delivery: str, by: Actor) -> SubjectRequest:
    """Make it this person's request, with the clock running since it came in. Not by whoever recorded it."""
    _handler(by)
    must_not_concern(person, by)
    if actor_key(by) == intake.recorded_by:
        raise NotAllowed("handler.opened_it", _("You recorded this, so somebody else says whose it is."))
    if identity == Identity.NOT_YET:
        raise NotAllowed("identity.missing", _("Say how you know who asks."))
    draft = Entry(request=SubjectRequest(subject_id=person.pk))
    old = list(intake.files.all())
    files = [actions.put(File(entry=draft), Upload(each.name, each.content)) for each in old]
    with transaction.atomic():
        request = _matched(_open_one(intake), person, identity, delivery, files, by)
        File.objects.filter(pk__in=[each.pk for each in old]).delete()
        transaction.on_commit(lambda: _remove(old), robust=True)
    return request


def _matched(
    intake: Intake, person: Employee, identity: str, delivery: str, files: list[File], by: Actor
) -> SubjectRequest:
    body = intake.body
    came = Came(
        kind=intake.kind,
        channel=intake.channel,
        received_on=timezone.localdate(intake.received),
        text=_all_words(body),
        identity=identity,
        delivery=delivery,
        format=body.get("format", Format.CSV),
        representative=body.get("representative", ""),
    )
    request = _become(intake, person, came, by)
    _keep_words(request, came.text, files, by)
    intake.sealed_body = None
    intake.proposed_ending = intake.proposed_by = ""
    intake.save()
    _act(Action.INTAKE_MATCHED, intake, by)
    return request


def _all_words(body: dict[str, str]) -> str:
    """Return what was written and noted, as the first note of the person's case."""
    said = [body.get(name, "") for name in ("text", "name", "contact")]
    notes = [f"{each['at'][:10]} {each['by']}: {each['text']}" for each in body.get("notes", [])]  # type: ignore[index]
    return "\n\n".join(each for each in [*said, *notes] if each)


def _remove(files: Iterable[File]) -> None:
    for each in files:
        objects.delete(each.object_name)


@transaction.atomic
def propose_ending(*, intake: Intake, ending: str, by: Actor) -> Intake:
    """Propose how it ends without a person; it is closed once a second person proposes the same."""
    _handler(by)
    if ending not in ENDINGS:
        raise NotAllowed("ending.unknown", _("Choose one of the endings listed."))
    found = _open_one(intake)
    if found.proposed_ending == ending and found.proposed_by not in {"", actor_key(by)}:
        found.state, found.closed_at = ending, timezone.now()
        _act(Action.INTAKE_CLOSED, found, by, ending=ending)
    else:
        found.proposed_ending, found.proposed_by = ending, actor_key(by)
        _act(Action.INTAKE_ENDING_PROPOSED, found, by, ending=ending)
    found.save(update_fields=["state", "closed_at", "proposed_ending", "proposed_by"])
    return found


@transaction.atomic
def take_ending_back(*, intake: Intake, by: Actor) -> Intake:
    _handler(by)
    found = _open_one(intake)
    found.proposed_ending = found.proposed_by = ""
    found.save(update_fields=["proposed_ending", "proposed_by"])
    _act(Action.INTAKE_ENDING_TAKEN_BACK, found, by)
    return found


# --- what they share


def _become(intake: Intake, person: Employee, came: Came, by: Actor) -> SubjectRequest:
    """Put the request in, dated as it was received, and tie the intake to it."""
    request = open_request(
        kind=came.kind,
        subject_id=person.pk,
        by=by,
        format=came.format,
        opened_by=OpenedBy.STAFF,
        received_at=intake.received,
        channel=came.channel,
        representative=came.representative,
        idempotency_key=f"intake:{intake.pk}",
    )
    intake.identity, intake.delivery = came.identity, came.delivery
    intake.request, intake.state = request, IntakeState.MATCHED
    intake.due, intake.explanation = request.due, request.explanation
    return request


def _keep_words(request: SubjectRequest, text: str, files: list[File], by: Actor) -> None:
    """Keep what came in as the first notes of the case."""
    if not (text.strip() or files):
        return
    words = text.strip() or _("What came in is in the file.")
    # With what was noted since, it may be longer than one note.
    pieces = [words[start : start + LONGEST_TEXT] for start in range(0, len(words), LONGEST_TEXT)]
    for piece in filter(str.strip, pieces):
        entry, _none = actions.prepared(EntryKind.NOTE, request, piece, by, ())
        for each in files:
            each.entry = entry
        actions.save(entry, files)
        files = []


def _open_one(intake: Intake) -> Intake:
    found = Intake.objects.select_for_update(of=("self",)).get(pk=intake.pk)
    if not found.is_open:
        raise NotAllowed("intake.closed", _("This has been settled already."))
    return found


def _handler(by: Actor) -> Employee:
    employee = find(UUID(by.id))
    if employee is None or not employee.has_perm("requests.handle"):
        raise cannot_decide("handler.not_permitted")
    return employee


def must_not_concern(person: Employee, by: Actor) -> None:
    """Raise NotAllowed where it is about oneself or one's own line."""
    if in_line(UUID(by.id), person.pk):
        raise NotAllowed("handler.concerned", _("This is about you or your own line: somebody else takes it in."))


def _act(action: Action, intake: Intake, by: Actor, **facts: str) -> None:
    """Write an act down: of somebody unknown without a subject."""
    request = intake.request
    trail.record(
        action,
        actor=by,
        subject_id=request.subject_id if request else None,
        case=str(request.pk if request else intake.pk),
        facts={"channel": intake.channel, **facts},
    )
