"""What a person asks for or has asked: requests, withdrawals, objections, a pause, a download.."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from consent import actions as decisions
from consent import gate
from consent.actions import Recorded
from consent.again import atomic_again
from consent.values import Basis, Scope, milliseconds
from portal.audit import trail
from portal.audit.values import Action, Actor, ReadPurpose
from portal.events import devices
from portal.outbox import webhooks
from portal.outbox.values import Told
from portal.rights import calling_back, handing, objecting, weighing
from portal.rights.models import SubjectRequest
from portal.rights.opening import actor_key, digest, put_in, repeated, reused
from portal.rights.values import (
    Format,
    Ground,
    Kind,
    NotAllowed,
    OpenedBy,
)

EVERYTHING = Scope()
dry_run = weighing.erasure
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
    details: dict[str, Any] | None = None,
    account: bool = False,
) -> SubjectRequest:
    """Put a request in and begin it where nobody has to decide; the same key or a double click gives the first one.

    Raises NotAllowed: unknown subject, a time to come, or a key that was used for something else.
    """
    asked = {"kind": str(kind), "format": str(format), "scope": scope.to_json(), "ground": ground, "note": note}
    asked |= {"channel": channel, "representative": representative}
    wanted = SubjectRequest(
        **asked,
        purpose_key=purpose_key,
        subject_id=subject_id,
        opened_by=opened_by,
        opener_id=actor_key(by),
        idempotency_key=idempotency_key,
        body_digest=digest(asked, subject_id, received_at),
        received=(received_at or timezone.now()).astimezone(UTC),  # as the database gives it back
        not_before=not_before,
        wake_at=not_before,
        account=account,
    )
    wanted.sealed_details = wanted.sealed("details", details) if details else None
    return _once(wanted, by)


def _once(wanted: SubjectRequest, by: Actor) -> SubjectRequest:
    try:
        return _take_in(wanted, by)
    except IntegrityError as error:
        raise reused() from error


@atomic_again
def _take_in(wanted: SubjectRequest, by: Actor) -> SubjectRequest:
    if wanted.kind == Kind.OBJECTION and not wanted.purpose_key:
        # Sent again, it says nothing about what was answered since.
        if found := repeated(wanted):
            return found
        objecting.stop(wanted)
    return put_in(wanted, by)


# --- decisions that call data back


@atomic_again
def withdraw(
    *, subject_id: UUID, purpose_key: str, by: Actor, path: str, erase: str = "now"
) -> tuple[Recorded, SubjectRequest]:
    """Take a yes back and call back what no other purpose covers: now, or in 72 hours with `erase="72h"`."""
    recorded = decisions.withdraw(subject_id=subject_id, purpose_key=purpose_key, path=path)
    _tell_of_devices(subject_id, purpose_key)
    _tell_programs(subject_id, purpose_key, recorded)
    return recorded, _call_back(subject_id, purpose_key, by, Ground.CONSENT_WITHDRAWN, _begins(erase))


@atomic_again
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


def _tell_programs(subject_id: UUID, purpose_key: str, recorded: Recorded) -> None:
    ids: dict[str, str | int] = {"subject": str(subject_id), "purpose": purpose_key}
    if recorded.index is not None:
        ids["ledger_index"] = recorded.index
    webhooks.tell(Told.CONSENT_WITHDRAWN, ids, subject_id=subject_id)


def _begins(erase: str) -> datetime | None:
    return timezone.now() + ERASE_LATER if erase == "72h" else None


def called_back(subject_id: UUID, purposes: Collection[str]) -> Scope:
    """Return what a no to these purposes calls back: all that nothing else covers."""
    return Scope(purposes=calling_back.uncovered(subject_id) | frozenset(purposes))


@atomic_again
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
    """Count the download and write the access down, then open the archive; raises NotAllowed as `handing.opened` does.

    Must be called outside any transaction: the access is committed before the first byte.
    """
    archive = handing.opened(request.lead)
    if _restricted_since(request, archive.bundle.made_at):
        message = _("Some of it was restricted since this copy was made. Ask for another one, which is without it.")
        raise NotAllowed("bundle.gone", message)
    with handing.claimed(archive.bundle):
        trail.access(
            Action.BUNDLE_DOWNLOADED,
            actor=by,
            subject_id=request.subject_id,
            purpose=ReadPurpose.SUBJECT_REQUEST,
            case=str(request.pk),
        )
    handing.mark_handed_out(request.lead)
    return Download(f"daylight-{request.received:%Y-%m-%d}.zip", archive.size, archive.chunks())


def _restricted_since(request: SubjectRequest, made_at: datetime) -> bool:
    """Return whether a program would get what is out of use for all but the person."""
    state = gate.read(request.subject_id) if request.opened_by == OpenedBy.CLIENT else None
    standing = [each.from_ms for each in state.restrictions if each.stands] if state else []
    return any(since >= milliseconds(made_at) for since in standing)
