"""What can be done about consent: each a verb, keyword-only, in its own or the caller's transaction."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from consent import gate, journal, ledger
from consent.deciding import Recorded, decide, milliseconds
from consent.models import (
    Gate,
    Notice,
    NoticeVersion,
    Purpose,
)
from consent.values import (
    CATEGORIES,
    FOREVER_MS,
    Basis,
    Closed,
    DecisionKind,
    NotAllowed,
    Scope,
)

__all__ = ["Closed", "NotAllowed", "Recorded"]
KEPT_MS = int(timedelta(days=31).total_seconds() * 1000)
AWAY = "away-"
Covers = Mapping[str, Iterable[str]]


def admit(*, subject_id: UUID) -> None:
    """Make the person's gate row, or open it again; without one nothing is kept."""
    Gate.objects.bulk_create([Gate(subject_id=subject_id)], ignore_conflicts=True)
    _switch(subject_id, active=True)


def deactivate(*, subject_id: UUID) -> None:
    """Permit nothing any more for somebody who left."""
    _switch(subject_id, active=False)


@transaction.atomic
def _switch(subject_id: UUID, *, active: bool) -> None:
    row = _row(subject_id)
    if row.active == active:
        return
    now = milliseconds(timezone.now())
    # What was observed meanwhile stays out, also if it comes once they are back.
    if active:
        for each in row.pauses:
            each["to_ms"] = min(each["to_ms"], now) if each["key"].startswith(AWAY) else each["to_ms"]
    else:
        row.pauses.append({"key": AWAY + _new_key(), "from_ms": now, "to_ms": FOREVER_MS})
    row.active = active
    _save(row, "active")


@transaction.atomic
def define_purpose(
    *,
    key: str,
    title: str,
    basis: str,
    categories: Iterable[str] = (),
    description: str = "",
    refusal_consequence: str = "",
    alternative: str = "",
    state: str = Purpose.State.LIVE,
) -> Purpose:
    """Make a purpose, or change what is said of it; raises NotAllowed."""
    if basis not in Basis.values:
        raise NotAllowed("purpose.basis_unknown")
    facts = {
        "title": title,
        "description": description,
        "basis": basis,
        "refusal_consequence": refusal_consequence,
        "alternative": alternative,
        "categories": _categories(categories),
        "state": state,
    }
    return Purpose.objects.update_or_create(key=key, defaults=facts)[0]


def _categories(named: Iterable[str]) -> list[str]:
    wanted = set(named)
    if not wanted <= set(CATEGORIES):
        raise NotAllowed("category.unknown")
    return [category for category in CATEGORIES if category in wanted]


@transaction.atomic
def publish_notice(
    *, purpose_key: str, language: str, text: str, covers: Covers, valid_from: datetime | None = None
) -> NoticeVersion:
    """Publish the next version of a notice, or return the newest if it says and covers the same.

    Standing grants keep what they covered until their holders answer this version.
    """
    if not Purpose.objects.filter(pk=purpose_key).exists():
        raise NotAllowed("purpose.unknown")
    Notice.objects.get_or_create(purpose_id=purpose_key, language=language)
    notice = Notice.objects.select_for_update().get(purpose_id=purpose_key, language=language)
    newest = NoticeVersion.objects.filter(notice=notice).order_by("-version").first()
    covered = {source: _categories(named) for source, named in sorted(covers.items())}
    if newest and (newest.text, newest.covers) == (text, covered):
        return newest
    version = NoticeVersion(
        notice=notice,
        version=newest.version + 1 if newest else 1,
        text=text,
        sha256=sha256(text.encode()).hexdigest(),
        valid_from=valid_from or timezone.now(),
        covers=covered,
    )
    version.save()
    return version


def give(
    *, subject_id: UUID, purpose_key: str, path: str, version: int | None = None, language: str = "en"
) -> Recorded:
    """Say yes; in force once the journal has it."""
    return _decide_one(DecisionKind.GIVEN, subject_id, purpose_key, path, version, language)


def refuse(
    *, subject_id: UUID, purpose_key: str, path: str, version: int | None = None, language: str = "en"
) -> Recorded:
    return _decide_one(DecisionKind.REFUSED, subject_id, purpose_key, path, version, language)


def withdraw(
    *, subject_id: UUID, purpose_key: str, path: str, version: int | None = None, language: str = "en"
) -> Recorded:
    """Take a yes back; acts at the commit, and also while the site is closed."""
    return _decide_one(DecisionKind.WITHDRAWN, subject_id, purpose_key, path, version, language)


def object_to(
    *, subject_id: UUID, purpose_key: str, path: str, version: int | None = None, language: str = "en"
) -> Recorded:
    return _decide_one(DecisionKind.OBJECTED, subject_id, purpose_key, path, version, language)


def acknowledge(
    *, subject_id: UUID, purpose_key: str, path: str, version: int | None = None, language: str = "en"
) -> Recorded:
    """Confirm to have been told of what rests on another basis than consent."""
    return _decide_one(DecisionKind.ACKNOWLEDGED, subject_id, purpose_key, path, version, language)


def give_many(*, subject_ids: Sequence[UUID], purpose_key: str, path: str, language: str = "en") -> list[Recorded]:
    """Take one answer of many people (up to 200) in one commit."""
    return decide(DecisionKind.GIVEN, subject_ids, purpose_key, path, None, language)


def _decide_one(
    kind: DecisionKind, subject_id: UUID, purpose_key: str, path: str, version: int | None, language: str
) -> Recorded:
    return decide(kind, [subject_id], purpose_key, path, version, language)[0]


def pause(*, subject_id: UUID, until: datetime | None = None) -> str:
    """Keep nothing from now until then, or until resumed; acts at the commit, and also while closed."""
    now = milliseconds(timezone.now())
    to_ms = milliseconds(until) if until else FOREVER_MS
    if to_ms <= now:
        raise NotAllowed("pause.ended")
    made = {"key": _new_key(), "from_ms": now, "to_ms": to_ms}
    with transaction.atomic():
        row = _row(subject_id)
        row.pauses.append(made)
        _save(row, "pauses")
        journal.append("pause", made | {"subject_id": str(subject_id)})
    return made["key"]


@transaction.atomic
def resume(*, subject_id: UUID) -> None:
    """End every pause now; what was observed during it stays out."""
    _refuse_while_closed()
    now = milliseconds(timezone.now())
    row = _row(subject_id)
    for each in row.pauses:
        each["to_ms"] = min(each["to_ms"], max(now, each["from_ms"]))
    _save(row, "pauses")
    journal.append("resume", {"subject_id": str(subject_id), "at_ms": now})


@transaction.atomic
def restrict(*, subject_id: UUID, scope: Scope) -> str:
    """Stop the processing of what is in the scope until lifted."""
    made = {
        "key": _new_key(),
        "scope": scope.to_json(),
        "from_ms": milliseconds(timezone.now()),
        "to_ms": None,
    }
    row = _row(subject_id)
    row.restrictions.append(made)
    _save(row, "restrictions")
    journal.append("restriction", made | {"subject_id": str(subject_id)})
    return made["key"]


@transaction.atomic
def lift(*, subject_id: UUID, key: str) -> None:
    """End a restriction; what was observed under it stays out."""
    _refuse_while_closed()
    now = milliseconds(timezone.now())
    row = _row(subject_id)
    standing = [each for each in row.restrictions if each["key"] == key and each["to_ms"] is None]
    if not standing:
        raise NotAllowed("restriction.unknown")
    standing[0]["to_ms"] = now
    _save(row, "restrictions")
    journal.append("lift", {"subject_id": str(subject_id), "key": key, "at_ms": now})


@transaction.atomic
def fence(
    *,
    subject_id: UUID,
    key: str,
    scope: Scope,
    asked_ms: int,
    key_epoch: int,
    lasting: bool = True,
) -> None:
    """Keep an erased scope out and switch to new keys; safe to repeat.

    `lasting` stays unless no import source is in the scope: only what arrives from devices has an oldest age.
    """
    row = _row(subject_id)
    made = {"key": key, "scope": scope.to_json(), "asked_ms": asked_ms, "lasting": lasting}
    if made in row.fences and row.key_epoch >= key_epoch:
        return
    row.fences = [each for each in row.fences if each["key"] != key] + [made]
    row.key_epoch = max(row.key_epoch, key_epoch)
    _save(row, "fences", "key_epoch")
    journal.append("fence", made | {"subject_id": str(subject_id), "key_epoch": row.key_epoch})


def _new_key() -> str:
    return secrets.token_hex(8)


def _refuse_while_closed() -> None:
    if ledger.closed():
        raise Closed(ledger.closed())


def _row(subject_id: UUID) -> Gate:
    return gate.lock([subject_id])[0]


def _save(row: Gate, *changed: str) -> None:
    """Write what changed, and let go of what no longer can keep anything out."""
    oldest = milliseconds(timezone.now()) - KEPT_MS
    row.pauses = [each for each in row.pauses if each["to_ms"] > oldest]
    row.restrictions = [each for each in row.restrictions if each["to_ms"] is None or each["to_ms"] > oldest]
    row.fences = [each for each in row.fences if each["lasting"] or each["asked_ms"] > oldest]
    row.version += 1
    row.save(update_fields={"version", "pauses", "restrictions", "fences", *changed})
