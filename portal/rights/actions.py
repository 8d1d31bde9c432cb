"""What people and programs may do with requests: ask, decide, cancel, withdraw, pause. Nothing here enqueues."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from consent import actions as decisions
from consent import gate
from consent.actions import Recorded
from consent.values import Basis, Scope, milliseconds
from portal.audit import trail
from portal.audit.values import Action, Actor, ActorKind, ReadPurpose
from portal.events import devices, rewrite
from portal.people.subjects import find, in_line
from portal.rights import bundle, calling_back, objecting, plans
from portal.rights.models import SubjectRequest
from portal.rights.opening import act, actor_key, digest, plan, put_in, repeated, reused, set_deadline
from portal.rights.values import (
    KEPT,
    KEPT_FOR_OTHERS,
    UNDECIDED_STATES,
    DryRun,
    Extension,
    Format,
    Ground,
    Kind,
    NotAllowed,
    OpenedBy,
    Refusal,
    State,
    refusals,
)

EVERYTHING = Scope()
ERASE_LATER = timedelta(hours=72)


def open_request(
    *,
    kind: str,
    subject_id: UUID,
    by: Actor,
    scope: Scope = EVERYTHING,
    format: str = Format.CSV,
    opened_by: str = OpenedBy.SELF,
    ground: str = "",
    purpose_key: str = "",
    note: str = "",
    received_at: datetime | None = None,
    channel: str = "",
    representative: str = "",
    idempotency_key: str = "",
    not_before: datetime | None = None,
) -> SubjectRequest:
    """Put a request in and begin it where nobody has to decide; the same key or a double click gives the first one.

    Raises NotAllowed: unknown subject, a time to come, or a key that was used for something else.
    """
    names = {"kind": str(kind), "format": str(format), "scope": scope.to_json(), "ground": ground, "note": note}
    asked = {**names, "channel": channel, "representative": representative}
    received = received_at.isoformat() if received_at else ""
    wanted = SubjectRequest(
        **asked,
        purpose_key=purpose_key,
        subject_id=subject_id,
        opened_by=opened_by,
        opener_id=actor_key(by),
        idempotency_key=idempotency_key,
        body_digest=digest(asked | {"subject_id": str(subject_id), "received_at": received}),
        received=received_at or timezone.now(),
        not_before=not_before,
        wake_at=not_before,
    )
    try:
        return _take_in(wanted, by)
    except IntegrityError as error:
        raise reused() from error


@transaction.atomic
def _take_in(wanted: SubjectRequest, by: Actor) -> SubjectRequest:
    if wanted.kind == Kind.OBJECTION and not wanted.purpose_key:
        # Sent again, it says nothing about what was answered since.
        if found := repeated(wanted):
            return found
        objecting.stop(wanted)
    return put_in(wanted, by)


def dry_run(subject_id: UUID, scope: Scope = EVERYTHING) -> DryRun:
    """Say what an erasure asked now would take, and what would stay and why."""
    now_ms = milliseconds(timezone.now())
    return DryRun(goes=rewrite.count_matching(subject_id, scope, now_ms), stays=kept(scope))


def kept(scope: Scope) -> list[tuple[str, str]]:
    rows = KEPT if scope.purposes is None else (*KEPT, KEPT_FOR_OTHERS)
    return [(str(text), code) for text, code in rows]


# --- deciding


def why_not_handle(request: SubjectRequest, by: Actor) -> str:
    """Return the code of what keeps this actor from deciding, empty if nothing does."""
    if actor_key(by) == request.opener_id:
        return "handler.opened_it"
    objection = request.kind == Kind.OBJECTION
    if by.kind == ActorKind.CLIENT:
        return "handler.not_legal" if objection else ""
    employee = find(UUID(by.id)) if by.kind == ActorKind.PERSON else None
    if employee is None or not employee.has_perm("requests.handle"):
        return "handler.not_permitted"
    if in_line(employee.pk, request.subject_id):
        return "handler.concerned"
    return "handler.not_legal" if objection and not employee.has_perm("objections.decide") else ""


def cannot_decide(code: str) -> NotAllowed:
    if code == "handler.not_legal":
        return NotAllowed(code, _("Only legal decides on an objection."))
    return NotAllowed(code, _("You cannot decide on this request."))


def _locked(request: SubjectRequest, by: Actor) -> SubjectRequest:
    """Lock the row for a decision; raises NotAllowed if it is not this actor's or nobody's to take."""
    if code := why_not_handle(request, by):
        raise cannot_decide(code)
    found = SubjectRequest.objects.select_for_update().get(pk=request.pk)
    if found.state not in UNDECIDED_STATES:
        raise NotAllowed("request.decided", _("There is nothing to decide on this request any more."))
    return found


@transaction.atomic
def approve(*, request: SubjectRequest, by: Actor) -> SubjectRequest:
    """Grant what was asked: work begins, or what has no work is done at once."""
    found = _locked(request, by)
    found.decided_by = actor_key(by)
    found.proposed_refusal = found.reason_code = found.reason = ""
    act(Action.REQUEST_APPROVED, found, by)
    if found.plan_name in plans.PLANS:
        found.state = State.PROCESSING
        plan(found)
    else:
        _grant(found)
        found.state, found.closed_at = State.DELIVERED, timezone.now()
        act(Action.REQUEST_DONE, found, by, once=True)
    found.save(update_fields=["state", "decided_by", "proposed_refusal", "reason_code", "reason", "closed_at"])
    return found


def _grant(request: SubjectRequest) -> None:
    if request.kind == Kind.RESTRICTION:
        decisions.restrict(subject_id=request.subject_id, scope=request.wanted)
    if request.kind == Kind.OBJECTION:
        person = Actor(ActorKind.PERSON, str(request.subject_id), "employee")
        # As narrow as it was meant, but of what nothing else covers any more.
        about = called_back(request.subject_id, request.about).purposes if request.about else None
        open_request(
            kind=Kind.ERASURE,
            subject_id=request.subject_id,
            by=person,
            scope=replace(request.wanted, purposes=about),
            ground=Ground.OBJECTION,
            purpose_key=request.purpose_key,
            not_before=request.not_before,
        )


@transaction.atomic
def refuse(*, request: SubjectRequest, by: Actor, ground: str, note: str = "") -> SubjectRequest:
    """Refuse with a coded ground; it stands once a second person, not a program, has signed it off (Art. 12(5))."""
    found = _locked(request, by)
    if ground not in refusals(found.kind):
        raise NotAllowed("ground.unknown", _("Choose one of the grounds listed."))
    if found.kind == Kind.OBJECTION and not note.strip():
        raise NotAllowed("reason.missing", _("Write down the reasons: the person reads them."))
    first = found.decided_by if found.proposed_refusal == ground else ""
    signed = by.kind == ActorKind.PERSON and first.startswith(ActorKind.PERSON) and first != actor_key(by)
    if not (first.startswith(ActorKind.PERSON) and by.kind == ActorKind.CLIENT):
        found.decided_by = actor_key(by)
    found.proposed_refusal, found.reason_code = ground, ground
    found.reason = note or str(Refusal(ground).label)
    found.state = State.REFUSED if signed else State.IN_REVIEW
    found.closed_at = timezone.now() if signed else None
    act(Action.REQUEST_REFUSED, found, by, ground=ground, stands=str(signed).lower())
    found.save(update_fields=["state", "decided_by", "proposed_refusal", "reason_code", "reason", "closed_at"])
    return found


@transaction.atomic
def extend(*, request: SubjectRequest, by: Actor, reason: str) -> SubjectRequest:
    """Take more time, once, inside the first month, with a coded reason (Art. 12(3))."""
    if reason not in Extension.values:
        raise NotAllowed("reason.unknown", _("Choose one of the reasons listed."))
    if code := why_not_handle(request, by):
        raise cannot_decide(code)
    found = SubjectRequest.objects.select_for_update().get(pk=request.pk)
    late = timezone.localdate() > found.first_due
    if not found.is_open or found.due != found.first_due or late:
        raise NotAllowed("extension.not_possible", _("Time can be extended once, before the first date."))
    set_deadline(found, extended=True)
    found.reason_code, found.reason = reason, str(Extension(reason).label)
    if found.state in UNDECIDED_STATES:
        found.state = State.EXTENDED
    act(Action.REQUEST_EXTENDED, found, by, reason=reason)
    found.save(update_fields=["due", "rule", "explanation", "reason_code", "reason", "state"])
    return found


def cancel(*, request: SubjectRequest, by: Actor) -> SubjectRequest:
    """Take a request back until its first irreversible step; a worker at it can write nothing more."""
    with transaction.atomic():
        found = SubjectRequest.objects.select_for_update().get(pk=request.pk)
        if not _may_cancel(found, by):
            raise NotAllowed("handler.not_permitted", _("You cannot cancel this request."))
        if not found.can_cancel:
            raise NotAllowed("request.irreversible", _("It is too late to cancel this request."))
        SubjectRequest.objects.filter(pk=found.pk).update(
            state=State.WITHDRAWN, attempt=F("attempt") + 1, lease_until=None, closed_at=Now()
        )
        act(Action.REQUEST_CANCELLED, found, by)
    bundle.remove_of(found)
    found.refresh_from_db()
    return found


def _may_cancel(request: SubjectRequest, by: Actor) -> bool:
    """What a person asked for themselves only they take back: to turn it down is a refusal, which needs two people."""
    own = by.kind == ActorKind.PERSON and by.id == str(request.subject_id)
    if own or actor_key(by) == request.opener_id:
        return True
    return request.opened_by != OpenedBy.SELF and not why_not_handle(request, by)


def retry(*, request: SubjectRequest, by: Actor) -> SubjectRequest:
    """Go on with a request that gave up, after somebody has mended the cause."""
    if code := why_not_handle(request, by):
        raise cannot_decide(code)
    SubjectRequest.objects.filter(pk=request.pk, state=State.NEEDS_ATTENTION).update(
        state=State.PROCESSING, failures=0, wake_at=None, lease_until=None
    )
    request.refresh_from_db()
    return request


# --- decisions that call data back


@transaction.atomic
def withdraw(
    *, subject_id: UUID, purpose_key: str, by: Actor, path: str, erase: str = "now"
) -> tuple[Recorded, SubjectRequest]:
    """Take a yes back and call back what no other purpose covers: now, or in 72 hours with `erase="72h"`."""
    recorded = decisions.withdraw(subject_id=subject_id, purpose_key=purpose_key, path=path)
    _tell_of_devices(subject_id, purpose_key)
    return recorded, _call_back(subject_id, purpose_key, by, Ground.CONSENT_WITHDRAWN, _begins(erase))


@transaction.atomic
def refuse_purpose(
    *, subject_id: UUID, purpose_key: str, by: Actor, path: str, version: int | None = None, language: str = "en"
) -> tuple[Recorded, SubjectRequest | None]:
    """Say no; where a yes was given by then, in another window perhaps, that takes it back with all that follows."""
    standing = gate.lock([subject_id])[0].grants.get(purpose_key)
    if standing and standing["basis"] == Basis.CONSENT:
        return withdraw(subject_id=subject_id, purpose_key=purpose_key, by=by, path=path)
    said = {"subject_id": subject_id, "purpose_key": purpose_key, "path": path}
    recorded = decisions.refuse(**said, version=version, language=language)
    if standing is None:
        return recorded, None
    # What was collected on another basis before consent was asked for has none left.
    _tell_of_devices(subject_id, purpose_key)
    return recorded, _call_back(subject_id, purpose_key, by, Ground.NO_LONGER_NECESSARY, not_before=None)


def _call_back(
    subject_id: UUID, purpose_key: str, by: Actor, ground: Ground, not_before: datetime | None
) -> SubjectRequest:
    return open_request(
        kind=Kind.ERASURE,
        subject_id=subject_id,
        by=by,
        scope=called_back(subject_id, {purpose_key}),
        ground=ground,
        purpose_key=purpose_key,
        not_before=not_before,
    )


def _tell_of_devices(subject_id: UUID, purpose_key: str) -> None:
    """Write down each device's last event once nothing can follow it; the erasure does so again before it begins."""
    transaction.on_commit(partial(devices.stopped, subject_id, {purpose_key}), robust=True)


def _begins(erase: str) -> datetime | None:
    return timezone.now() + ERASE_LATER if erase == "72h" else None


def called_back(subject_id: UUID, purposes: Collection[str]) -> Scope:
    """Return what a no to these purposes calls back: all that nothing else covers."""
    return Scope(purposes=calling_back.uncovered(subject_id) | frozenset(purposes))


@transaction.atomic
def object_to(
    *, subject_id: UUID, purpose_key: str, by: Actor, path: str, erase: str = "now", note: str = ""
) -> tuple[Recorded, SubjectRequest]:
    """Object: collection stops at once, and somebody decides whether what there is goes (Art. 21).

    `erase` says how soon it goes if the objection is upheld: now, or 72 hours after the objection. Whoever objects
    again while the first objection waits is answered once.
    """
    recorded = decisions.object_to(subject_id=subject_id, purpose_key=purpose_key, path=path)
    _tell_of_devices(subject_id, purpose_key)
    waiting = SubjectRequest.objects.for_subject(subject_id).objections().undecided()
    request = waiting.filter(purpose_key=purpose_key).first() or open_request(
        kind=Kind.OBJECTION,
        subject_id=subject_id,
        by=by,
        scope=Scope(purposes=frozenset({purpose_key})),
        purpose_key=purpose_key,
        note=note,
        not_before=_begins(erase),
    )
    return recorded, request


def acknowledge(
    *, subject_id: UUID, purpose_key: str, path: str, version: int | None = None, language: str = "en"
) -> Recorded:
    """Confirm to have been told; what the person objected to waits for the decision, or for them to take it back."""
    if purpose_key in calling_back.undecided(subject_id):
        raise NotAllowed(
            "objection.undecided",
            _("Your objection is not yet decided. Nothing was recorded. To take it back, cancel it under Requests."),
        )
    return decisions.acknowledge(
        subject_id=subject_id, purpose_key=purpose_key, path=path, version=version, language=language
    )


def pause(*, subject_id: UUID, until: datetime, by: Actor) -> str:
    """Stop all collection until a time; returns the pause's key."""
    if by.id != str(subject_id):
        raise NotAllowed("pause.not_yours", _("Only the person can pause."))
    return decisions.pause(subject_id=subject_id, until=until)


def resume(*, subject_id: UUID, by: Actor) -> None:
    if by.id != str(subject_id):
        raise NotAllowed("pause.not_yours", _("Only the person can end a pause."))
    decisions.resume(subject_id=subject_id)


# --- handing over


@dataclass(frozen=True)
class Download:
    """A ZIP to be sent: its size, and its bytes as they are opened."""

    name: str
    size: int
    chunks: Iterator[bytes]


def download(*, request: SubjectRequest, by: Actor) -> Download:
    """Write the access down, then open the archive; raises NotAllowed `bundle.not_ready` or `bundle.gone`.

    Must be called outside any transaction: the access is committed before the first byte.
    """
    archive = bundle.opened(request)
    trail.access(
        Action.BUNDLE_DOWNLOADED,
        actor=by,
        subject_id=request.subject_id,
        purpose=ReadPurpose.SUBJECT_REQUEST,
        case=str(request.pk),
    )
    bundle.mark_handed_out(request)
    return Download(f"daylight-{request.received:%Y-%m-%d}.zip", archive.size, archive.chunks())
