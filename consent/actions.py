"""What can be done about consent: each a verb, keyword-only, in its own or the caller's transaction."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.db import connections, router, transaction
from django.utils import timezone

from consent import gate, journal, leaf, ledger
from consent.models import (
    ONLY_ROW,
    Checkpoint,
    Decision,
    Gate,
    LedgerState,
    Notice,
    NoticeVersion,
    Purpose,
)
from consent.ports import installed
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
SAVE_GRANTS = """
UPDATE consent_gate g SET version = g.version + 1, grants = answered.grants::jsonb
FROM unnest(%s::uuid[], %s::text[]) AS answered (subject_id, grants) WHERE g.subject_id = answered.subject_id
"""
KEPT_MS = int(timedelta(days=31).total_seconds() * 1000)
OBJECTIONABLE = (Basis.PUBLIC_TASK, Basis.LEGITIMATE_INTEREST)
Covers = Mapping[str, Iterable[str]]


@dataclass(frozen=True)
class Recorded:
    """A decision as it was taken; `index` is None where the site is closed and the journal alone has it."""

    decision: Decision
    index: int | None

    @property
    def pending(self) -> bool:
        """Return whether no signed checkpoint holds it yet; true until the transaction is committed."""
        return self.index is None or not Checkpoint.objects.filter(size__gt=self.index).exists()


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _now() -> datetime:
    """Return the time as records have it, in whole milliseconds."""
    now = timezone.now()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


# --- people


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
    if row.active != active:
        row.active = active
        _save(row, "active")


# --- purposes and notices


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


# --- decisions


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
    return _decide(DecisionKind.GIVEN, subject_ids, purpose_key, path, None, language)


def _decide_one(
    kind: DecisionKind, subject_id: UUID, purpose_key: str, path: str, version: int | None, language: str
) -> Recorded:
    return _decide(kind, [subject_id], purpose_key, path, version, language)[0]


@transaction.atomic
def _decide(
    kind: DecisionKind,
    subject_ids: Sequence[UUID],
    purpose_key: str,
    path: str,
    version: int | None,
    language: str,
) -> list[Recorded]:
    purpose = _purpose_for(kind, purpose_key)
    notice = _notice_for(kind, purpose_key, version, language)
    rows = _rows(subject_ids)
    at = _now()
    decisions = [_decision(kind, row.subject_id, purpose_key, path, notice, at) for row in rows]
    installed.trail.record_own(f"decision.{kind}", [row.subject_id for row in rows], {"purpose": purpose_key})
    if kind == DecisionKind.WITHDRAWN and ledger.closed():
        return _withdraw_while_closed(rows, decisions, purpose_key)
    _append(decisions)
    _turn(rows, decisions, purpose, notice)
    return [Recorded(each, each.leaf_idx) for each in decisions]


def _append(decisions: Sequence[Decision]) -> None:
    first = ledger.append_many([("decision", each.subject_id, each.record) for each in decisions])
    for idx, each in enumerate(decisions, start=first):
        each.leaf_idx = idx
    Decision.objects.bulk_create(decisions)


def _purpose_for(kind: DecisionKind, purpose_key: str) -> Purpose:
    try:
        purpose = Purpose.objects.get(pk=purpose_key)
    except Purpose.DoesNotExist as error:
        raise NotAllowed("purpose.unknown") from error
    if purpose.on_consent != (kind in (DecisionKind.GIVEN, DecisionKind.REFUSED, DecisionKind.WITHDRAWN)):
        raise NotAllowed("purpose.not_on_consent" if not purpose.on_consent else "purpose.on_consent")
    if kind == DecisionKind.OBJECTED and purpose.basis not in OBJECTIONABLE:
        raise NotAllowed("purpose.no_objection")
    # Taking back must work for ever, also for what is no longer done.
    if kind not in (DecisionKind.WITHDRAWN, DecisionKind.OBJECTED) and purpose.state != Purpose.State.LIVE:
        raise NotAllowed("purpose.not_live")
    return purpose


def _notice_for(kind: DecisionKind, purpose_key: str, version: int | None, language: str) -> NoticeVersion:
    """Return the text decided on: for a yes only the one in force, whatever the page had shown."""
    notice = NoticeVersion.objects.in_force(purpose_key, language)
    if notice is None:
        raise NotAllowed("notice.missing")
    if version is None or version == notice.version:
        return notice
    if kind in (DecisionKind.GIVEN, DecisionKind.ACKNOWLEDGED):
        raise NotAllowed("notice.not_in_force")
    named = NoticeVersion.objects.filter(notice_id=notice.notice_id, version=version).first()
    if named is None:
        raise NotAllowed("notice.unknown")
    return named


def _decision(
    kind: DecisionKind, subject_id: UUID, purpose_key: str, path: str, notice: NoticeVersion, at: datetime
) -> Decision:
    return Decision(
        subject_id=subject_id,
        purpose_key=purpose_key,
        notice_version=notice.version,
        notice_sha256=notice.sha256,
        kind=kind,
        at=at,
        path=path,
    )


def _turn(rows: Sequence[Gate], decisions: Sequence[Decision], purpose: Purpose, notice: NoticeVersion) -> None:
    """Write the answers into the gate rows."""
    journalled = LedgerState.objects.filter(pk=ONLY_ROW).values_list("journalled", flat=True).first() or 0
    for row, decision in zip(rows, decisions, strict=True):
        standing = gate.in_force(row.grants.pop(purpose.key, None), journalled)
        if decision.kind in (DecisionKind.GIVEN, DecisionKind.ACKNOWLEDGED):
            row.grants[purpose.key] = _grant(purpose, notice, decision, standing)
    _save_grants(rows)


def _grant(
    purpose: Purpose, notice: NoticeVersion, decision: Decision, standing: dict[str, Any] | None
) -> dict[str, Any]:
    """Return the grant as the gate row has it, with the standing one until the journal has the new one."""
    since = milliseconds(decision.at)
    if standing and standing["covers"] == notice.covers:
        # The same yes again: what was observed under the first may still arrive.
        since = standing["since_ms"]
    made = {
        "basis": purpose.basis,
        "since_ms": since,
        "version": notice.version,
        "leaf": decision.leaf_idx,
        "covers": notice.covers,
    }
    before = {name: value for name, value in (standing or {}).items() if name != "before"}
    return made | ({"before": before} if before else {})


def _save_grants(rows: Sequence[Gate]) -> None:
    """Write the grants of rows that are locked, in one statement however many they are."""
    with connections[router.db_for_write(Gate)].cursor() as cursor:
        cursor.execute(SAVE_GRANTS, [[row.pk for row in rows], [json.dumps(row.grants) for row in rows]])


def _withdraw_while_closed(rows: Sequence[Gate], decisions: Sequence[Decision], purpose_key: str) -> list[Recorded]:
    """Let the no act at once and keep it in the journal; it becomes a leaf when that is replayed."""
    for row, decision in zip(rows, decisions, strict=True):
        row.grants.pop(purpose_key, None)
        opened = leaf.Opened(decision.record, leaf.new_salt())
        facts = {"subject_id": str(decision.subject_id), "class": "decision", "opening": opened.to_bytes().decode()}
        journal.append("withdrawal", facts)
    _save_grants(rows)
    return [Recorded(decision, None) for decision in decisions]


# --- pause, restriction, fence


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
    return _rows([subject_id])[0]


def _rows(subject_ids: Sequence[UUID]) -> list[Gate]:
    """Lock the gate rows, always in the order of their ids; raises NotAllowed."""
    rows = list(Gate.objects.select_for_update().filter(pk__in=subject_ids).order_by("pk"))
    if len(rows) != len(set(subject_ids)):
        raise NotAllowed("subject.unknown")
    return rows


def _save(row: Gate, *changed: str) -> None:
    """Write what changed, and let go of what no longer can keep anything out."""
    oldest = milliseconds(timezone.now()) - KEPT_MS
    row.pauses = [each for each in row.pauses if each["to_ms"] > oldest]
    row.restrictions = [each for each in row.restrictions if each["to_ms"] is None or each["to_ms"] > oldest]
    row.fences = [each for each in row.fences if each["lasting"] or each["asked_ms"] > oldest]
    row.version += 1
    row.save(update_fields={"version", "pauses", "restrictions", "fences", *changed})
