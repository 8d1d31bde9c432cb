"""Placing, confirming, renewing and releasing a hold; each is an act and a line of the journal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from consent import gate, journal
from consent.models import Gate
from consent.values import Scope
from portal.audit import trail
from portal.audit.values import Action, Actor, ActorKind
from portal.outbox import actions as outbox
from portal.people.subjects import find, in_line
from portal.rights.holds.models import Hold
from portal.rights.holds.values import AGAIN_AFTER, GROUNDS, LONGEST, MENDED_WITHIN, meet
from portal.rights.values import NotAllowed

PERMISSION = "holds.handle"
JOURNAL = "hold"


@transaction.atomic
def place(
    *,
    subject_id: UUID,
    scope: Scope,
    ground: str,
    legal_basis: str,
    reason: str,
    until: datetime,
    by: Actor,
    matter: str = "",
) -> Hold:
    """Keep something from being erased, from this commit on; raises NotAllowed."""
    _may(subject_id, by)
    _check(ground, legal_basis, reason, until)
    _not_again(subject_id, scope, by)
    hold = Hold(
        subject_id=subject_id,
        matter=matter.strip(),
        scope=scope.whole.to_json(),
        ground=ground,
        legal_basis=legal_basis.strip(),
        placed_by=UUID(by.id),
        placed_at=timezone.now(),
        until=until,
    )
    hold.seal(reason.strip())
    _behind_the_gate(hold)
    hold.save(force_insert=True)
    _written(Action.HOLD_PLACED, hold, by, ground=ground, until=until.date().isoformat())
    outbox.post("hold_placed", to=subject_id, once=f"hold_placed:{hold.pk}")
    return hold


def _behind_the_gate(hold: Hold) -> None:
    """Wait for a deletion that is being committed: none begins after this hold's commit."""
    try:
        gate.hold_exclusive(hold.subject_id)
    except Gate.DoesNotExist as error:
        raise NotAllowed("subject.unknown", _("There is no such person.")) from error


def _check(ground: str, legal_basis: str, reason: str, until: datetime) -> None:
    now = timezone.now()
    if ground not in GROUNDS:
        raise NotAllowed("ground.unknown", _("Choose one of the grounds listed."))
    if not legal_basis.strip() or not reason.strip():
        raise NotAllowed("reason.missing", _("Name the legal basis, and write the reason: the person reads it."))
    if not now < until <= now + LONGEST:
        raise NotAllowed("hold.end", _("A hold ends within a year; it can be renewed."))


def _not_again(subject_id: UUID, scope: Scope, by: Actor) -> None:
    """What nobody has vouched for, the same person does not place once more: one alone holds for a week."""
    now = timezone.now()
    mine = Hold.objects.for_subject(subject_id).filter(placed_by=by.id, confirmed_at=None)
    # A mistake can be put right for a day.
    lately = mine.filter(placed_at__gt=now - AGAIN_AFTER, placed_at__lt=now - MENDED_WITHIN)
    if any(meet(each.wanted, scope) for each in lately):
        raise NotAllowed(
            "hold.unconfirmed", _("Nobody has confirmed your last hold on this, so somebody else places it.")
        )


@transaction.atomic
def confirm(*, hold: Hold, by: Actor) -> Hold:
    """Vouch for what somebody else placed, so that it holds beyond a week."""
    found = _standing(hold, by)
    if found.confirmed_at is not None:
        return found
    if str(found.placed_by) == by.id:
        raise NotAllowed("hold.own", _("You placed this hold, so somebody else confirms it."))
    found.confirmed_by, found.confirmed_at = UUID(by.id), timezone.now()
    found.save(update_fields=["confirmed_by", "confirmed_at"])
    _written(Action.HOLD_CONFIRMED, found, by)
    return found


@transaction.atomic
def release(*, hold: Hold, by: Actor) -> Hold:
    """End a hold; what it stopped goes on by itself."""
    found = _standing(hold, by)
    found.released_by, found.released_at = UUID(by.id), timezone.now()
    found.save(update_fields=["released_by", "released_at"])
    _written(Action.HOLD_RELEASED, found, by)
    return found


def renew(*, hold: Hold, until: datetime, by: Actor) -> Hold:
    """Place the same again until a later day, for a second person to confirm; the old one ends as it would have."""
    return place(
        subject_id=hold.subject_id,
        scope=Scope.from_json(hold.scope),
        ground=hold.ground,
        legal_basis=hold.legal_basis,
        reason=hold.reason,
        until=until,
        by=by,
        matter=hold.matter,
    )


def _standing(hold: Hold, by: Actor) -> Hold:
    _may(hold.subject_id, by)
    found = Hold.objects.select_for_update().get(pk=hold.pk)
    if not found.is_standing:
        raise NotAllowed("hold.over", _("This hold has ended."))
    return found


def _may(subject_id: UUID, by: Actor) -> None:
    """A hold is for legal, and never on one's own data nor that of one's line."""
    employee = find(UUID(by.id)) if by.kind == ActorKind.PERSON else None
    if employee is None or not employee.has_perm(PERMISSION):
        raise NotAllowed("handler.not_permitted", _("Only legal places and releases holds."))
    if in_line(employee.pk, subject_id):
        raise NotAllowed("handler.concerned", _("This is your own line, so somebody else decides."))


def _written(action: Action, hold: Hold, by: Actor, **facts: str) -> None:
    trail.record(action, actor=by, subject_id=hold.subject_id, facts={"hold": str(hold.pk), **facts})
    journal.append(JOURNAL, facts_of(hold))


def facts_of(hold: Hold) -> dict[str, Any]:
    """Return the whole row for the journal, which seals it: the last line of a hold says how it stands."""
    return {
        "subject_id": str(hold.subject_id),
        "hold": str(hold.pk),
        "matter": hold.matter,
        "scope": hold.scope,
        "ground": hold.ground,
        "legal_basis": hold.legal_basis,
        "reason": hold.reason,
        "until": _stamp(hold.until),
        "placed": [str(hold.placed_by), _stamp(hold.placed_at)],
        "confirmed": _by_whom(hold.confirmed_by, hold.confirmed_at),
        "released": _by_whom(hold.released_by, hold.released_at),
    }


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _by_whom(who: UUID | None, at: datetime | None) -> list[str]:
    return [str(who), _stamp(at)] if who and at else []


@transaction.atomic
def replay(facts: dict[str, Any]) -> None:
    """Bring a hold back as a line of the journal has it, after a restore; safe to repeat."""
    hold = Hold(
        pk=UUID(facts["hold"]),
        subject_id=UUID(facts["subject_id"]),
        matter=facts["matter"],
        scope=facts["scope"],
        ground=facts["ground"],
        legal_basis=facts["legal_basis"],
        until=datetime.fromisoformat(facts["until"]),
    )
    hold.seal(facts["reason"])
    for name in ("placed", "confirmed", "released"):
        if facts[name]:
            who, at = facts[name]
            setattr(hold, f"{name}_by", UUID(who))
            setattr(hold, f"{name}_at", datetime.fromisoformat(at))
    Hold.objects.filter(pk=hold.pk).delete()
    hold.save(force_insert=True)
