"""What can be done about consent: each a verb, keyword-only, in its own or the caller's transaction."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from consent import gate, journal, leaf, ledger
from consent.again import atomic_again
from consent.deciding import Recorded, decide
from consent.models import (
    Gate,
    Notice,
    NoticeVersion,
    Purpose,
)
from consent.ports import installed
from consent.terms import Terms, bound, covers_of
from consent.values import (
    ASKED_AGAIN_AFTER,
    CATEGORIES,
    FOREVER_MS,
    Basis,
    Closed,
    DecisionKind,
    NotAllowed,
    Scope,
    milliseconds,
)

__all__ = ["Closed", "NotAllowed", "Recorded"]
KEPT_MS = int(timedelta(days=31).total_seconds() * 1000)
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
            each["to_ms"] = min(each["to_ms"], now) if each["key"].startswith(journal.AWAY) else each["to_ms"]
        _begin_anew(row, now)
    else:
        made = {"key": journal.AWAY + _new_key(), "from_ms": now, "to_ms": FOREVER_MS}
        row.pauses.append(made)
        journal.append(journal.LEAVE, made | {"subject_id": str(row.pk)})
    row.active = active
    _save(row, "active", "grants", "returned_at")


def _begin_anew(row: Gate, now_ms: int) -> None:
    """Let no yes from before somebody left stand again."""
    row.grants, row.returned_at = {}, datetime.fromtimestamp(now_ms / 1000, UTC)
    journal.append(journal.RETURN, {"subject_id": str(row.pk), "at": _stamp(now_ms)})


@transaction.atomic
def define_purpose(
    *,
    key: str,
    title: str,
    basis: str,
    categories: Iterable[str] = (),
    description: str = "",
    refusal_consequence: str = "",
    refusal_has_consequence: bool = False,
    alternative: str = "",
    state: str = Purpose.State.LIVE,
) -> Purpose:
    """Make a purpose, or change what is said of it; raises NotAllowed.

    Where a no has a consequence consent is not free (EDPB 05/2020) and cannot be the basis; a live purpose on consent
    says so of itself, and what happens instead. To end one, use `retire_purpose`.
    """
    if basis not in Basis.values:
        raise NotAllowed("purpose.basis_unknown")
    if basis == Basis.CONSENT:
        _check_free(refusal_has_consequence, refusal_consequence, alternative, state)
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


def _check_free(has_consequence: bool, consequence: str, alternative: str, state: str) -> None:
    if has_consequence:
        raise NotAllowed("purpose.not_free")
    if state == Purpose.State.LIVE and not consequence:
        raise NotAllowed("purpose.consequence_missing")
    if state == Purpose.State.LIVE and not alternative:
        raise NotAllowed("purpose.alternative_missing")


@transaction.atomic
def retire_purpose(*, key: str) -> int:
    """End a purpose: every permission for it leaves its gate row at this commit; return how many did.

    Should it come back, everybody is asked anew. Raises NotAllowed.
    """
    purpose = Purpose.objects.select_for_update().filter(pk=key).first()
    if purpose is None:
        raise NotAllowed("purpose.unknown")
    if purpose.state != Purpose.State.RETIRED:
        purpose.state, purpose.retired_at = Purpose.State.RETIRED, timezone.now()
        purpose.save(update_fields=["state", "retired_at"])
        journal.retire(purpose)
    return gate.strip(key)


@transaction.atomic
def ask_again(*, purpose_key: str) -> None:
    """Ask those whose no is old enough once more; raises NotAllowed if that was done in the last 90 days."""
    now = timezone.now()
    purpose = Purpose.objects.live().select_for_update().filter(pk=purpose_key).first()
    if purpose is None:
        raise NotAllowed("purpose.not_live")
    if purpose.asked_again_at and purpose.asked_again_at > now - ASKED_AGAIN_AFTER:
        raise NotAllowed("purpose.asked_recently")
    purpose.asked_again_at = now
    purpose.save(update_fields=["asked_again_at"])


def _categories(named: Iterable[str]) -> list[str]:
    wanted = set(named)
    if not wanted <= set(CATEGORIES):
        raise NotAllowed("category.unknown")
    return [category for category in CATEGORIES if category in wanted]


@transaction.atomic
def publish_notice(
    *,
    purpose_key: str,
    language: str,
    text: str,
    covers: Covers | None = None,
    terms: Terms | None = None,
    valid_from: datetime | None = None,
) -> NoticeVersion:
    """Publish the next version of a notice, or return the newest if it says and covers the same.

    With `terms`, what it covers follows from them, and their digest is put below the text. Standing grants keep what
    they covered, and by which rules, until their holders answer this version.
    """
    said = dict(terms or {})
    text = bound(text, said)
    if not Purpose.objects.filter(pk=purpose_key).exists():
        raise NotAllowed("purpose.unknown")
    Notice.objects.get_or_create(purpose_id=purpose_key, language=language)
    notice = Notice.objects.select_for_update().get(purpose_id=purpose_key, language=language)
    newest = NoticeVersion.objects.filter(notice=notice).order_by("-version").first()
    named = covers_of(said) if said else covers or {}
    covered = {source: _categories(each) for source, each in sorted(named.items())}
    if newest and (newest.text, newest.covers) == (text, covered):
        return newest
    version = NoticeVersion(
        notice=notice,
        version=newest.version + 1 if newest else 1,
        text=text,
        sha256=sha256(text.encode()).hexdigest(),
        valid_from=valid_from or timezone.now(),
        covers=covered,
        terms=said,
    )
    version.save()
    journal.publish(version)
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


@atomic_again
def pause(*, subject_id: UUID, until: datetime | None = None) -> str:
    """Keep nothing from now until then, or until resumed; acts at the commit, and also while closed."""
    to_ms = milliseconds(until) if until else FOREVER_MS
    row = _row(subject_id)
    # Under the lock: a batch that was stored before it holds nothing observed in the pause.
    now = milliseconds(timezone.now())
    if to_ms <= now:
        raise NotAllowed("pause.ended")
    made = {"key": _new_key(), "from_ms": now, "to_ms": to_ms}
    row.pauses.append(made)
    _save(row, "pauses")
    journal.append("pause", made | {"subject_id": str(subject_id)})
    told = {"key": made["key"], "from": _stamp(now), "until": _stamp(to_ms) if until else ""}
    installed.trail.record("collection.paused", subject_id, str(subject_id), told)
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
    installed.trail.record("collection.resumed", subject_id, str(subject_id), {"at": _stamp(now)})


@transaction.atomic
def restrict(*, subject_id: UUID, scope: Scope, key: str = "", ground: str = "") -> str:
    """Stop the processing of what is in the scope until lifted; with a key of the caller's own, safe to repeat."""
    row = _row(subject_id)
    if key and any(each["key"] == key for each in row.restrictions):
        return key
    made: dict[str, Any] = {
        "key": key or _new_key(),
        "scope": scope.to_json(),
        "from_ms": milliseconds(timezone.now()),
        "to_ms": None,
        **({"ground": ground} if ground else {}),
    }
    row.restrictions.append(made)
    _save(row, "restrictions")
    journal.append("restriction", made | {"subject_id": str(subject_id)})
    told = {"key": made["key"], "from": _stamp(made["from_ms"]), "scope": _without_apps(scope)}
    installed.trail.record("collection.restricted", subject_id, "system", told)
    return made["key"]


def _without_apps(scope: Scope) -> str:
    """Write a scope for the trail, which names no app: whether some are meant is all that it keeps."""
    written = scope.to_json()
    return json.dumps(written | ({"apps": []} if "apps" in written else {}), sort_keys=True)


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
    installed.trail.record("restriction.lifted", subject_id, "system", {"key": key, "at": _stamp(now)})


@transaction.atomic(savepoint=False)
def fence(
    *,
    subject_id: UUID,
    key: str,
    scope: Scope,
    asked_ms: int,
    key_epoch: int,
    lasting: bool = True,
    row: Gate | None = None,
) -> None:
    """Keep an erased scope out and switch to new keys; safe to repeat.

    `lasting` stays unless no import source is in the scope: only what arrives from devices has an oldest age.
    `row` is the person's gate row, where the caller has locked it.
    """
    row = row or _row(subject_id)
    made = {"key": key, "scope": scope.to_json(), "asked_ms": asked_ms, "lasting": lasting}
    if made in row.fences and row.key_epoch >= key_epoch:
        return
    row.fences = [each for each in row.fences if each["key"] != key] + [made]
    row.key_epoch = max(row.key_epoch, key_epoch)
    _save(row, "fences", "key_epoch")
    journal.append("fence", made | {"subject_id": str(subject_id), "key_epoch": row.key_epoch})


@transaction.atomic
def touch(*, subject_id: UUID) -> None:
    """Keep stores out until the caller's commit, and have them ask anew: what narrows beside the gate has changed."""
    _save(_row(subject_id))


def _new_key() -> str:
    return secrets.token_hex(8)


def _stamp(at_ms: int) -> str:
    """Write an instant as the gate has it, so that what was so can be told from the trail long afterwards."""
    return leaf.stamp(datetime.fromtimestamp(at_ms / 1000, UTC))


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
