"""From an answer to its leaf, its decision and the person's gate row: what every decision goes through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils import timezone

from consent import gate, journal, leaf, ledger, terms, writing
from consent.again import atomic_again
from consent.models import ONLY_ROW, Checkpoint, Decision, Gate, LedgerState, NoticeVersion, Purpose
from consent.ports import installed
from consent.values import Basis, DecisionKind, NotAllowed, milliseconds

YES = (DecisionKind.GIVEN, DecisionKind.ACKNOWLEDGED)
OBJECTIONABLE = (Basis.PUBLIC_TASK, Basis.LEGITIMATE_INTEREST)


@dataclass(frozen=True)
class Recorded:
    """A decision as it was taken; `index` is None where the site is closed and the journal alone has it."""

    decision: Decision
    index: int | None

    @property
    def pending(self) -> bool:
        """Return whether no signed checkpoint holds it yet; true until the transaction is committed."""
        return self.index is None or not Checkpoint.objects.filter(size__gt=self.index).exists()


def _now() -> datetime:
    """Return the time as records have it, in whole milliseconds."""
    now = timezone.now()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


@atomic_again
def decide(
    kind: DecisionKind,
    subject_ids: Sequence[UUID],
    purpose_key: str,
    path: str,
    version: int | None,
    language: str,
) -> list[Recorded]:
    purpose = _purpose_for(kind, purpose_key)
    notice = _notice_for(kind, purpose_key, version, language)
    rows = gate.lock(subject_ids)
    for row in rows:
        _check_basis(kind, purpose, row)
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
    writing.decide(decisions)


def _purpose_for(kind: DecisionKind, purpose_key: str) -> Purpose:
    if kind in YES:
        # Shared, so that retiring the purpose either finds this grant or is found by it.
        Purpose.objects.hold(purpose_key)
    try:
        purpose = Purpose.objects.get(pk=purpose_key)
    except Purpose.DoesNotExist as error:
        raise NotAllowed("purpose.unknown") from error
    # Taking back must work for ever, also for what is no longer done.
    if kind not in (DecisionKind.WITHDRAWN, DecisionKind.OBJECTED) and purpose.state != Purpose.State.LIVE:
        raise NotAllowed("purpose.not_live")
    return purpose


def _check_basis(kind: DecisionKind, purpose: Purpose, row: Gate) -> None:
    """Hold a no to the basis that the yes was given on, and any other answer to that of the purpose as it is."""
    basis = purpose.basis
    if kind in (DecisionKind.WITHDRAWN, DecisionKind.OBJECTED):
        basis = row.grants.get(purpose.key, {}).get("basis", basis)
    on_consent = basis == Basis.CONSENT
    if on_consent != (kind in (DecisionKind.GIVEN, DecisionKind.REFUSED, DecisionKind.WITHDRAWN)):
        raise NotAllowed("purpose.on_consent" if on_consent else "purpose.not_on_consent")
    if kind == DecisionKind.OBJECTED and basis not in OBJECTIONABLE:
        raise NotAllowed("purpose.no_objection")


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
    at_ms = milliseconds(decisions[0].at)
    standing = [gate.in_force(row.grants.pop(purpose.key, None), journalled, at_ms) for row in rows]
    if decisions[0].kind in YES:
        kept = _not_widened(notice, standing)
        permitted = {
            "basis": purpose.basis,
            "version": notice.version,
            "sha256": notice.sha256,
            **gate.permission(notice, decisions[0].at),
        }
        for row, decision, before in zip(rows, decisions, standing, strict=True):
            row.grants[purpose.key] = _grant(permitted, decision, before, kept)
    writing.save_grants(rows, purpose.key)


def _not_widened(notice: NoticeVersion, standing: Sequence[dict[str, Any] | None]) -> set[str]:
    """Return the hashes of those texts answered before that this one does not widen."""
    answered = {each.get("sha256", "") for each in standing if each}
    others = NoticeVersion.objects.filter(notice__purpose=notice.notice.purpose_id, sha256__in=answered)
    read = others if answered - {notice.sha256} else ()
    return {notice.sha256} | {each.sha256 for each in read if not terms.widened(each.compared, notice.compared)}


def _grant(
    permitted: dict[str, Any], decision: Decision, standing: dict[str, Any] | None, kept: set[str]
) -> dict[str, Any]:
    """Return the grant as the gate row has it, with the standing one until the journal has the new one."""
    since = milliseconds(decision.at)
    if standing and _is_repeated(permitted, standing, kept):
        # The same yes again: what was observed under the first may still arrive.
        since = standing["since_ms"]
    made = permitted | {"since_ms": since, "leaf": decision.leaf_idx}
    before = {name: value for name, value in (standing or {}).items() if name != "before"}
    return made | ({"before": before} if before else {})


def _is_repeated(permitted: dict[str, Any], standing: dict[str, Any], kept: set[str]) -> bool:
    bare = "rules" not in standing and standing["covers"] == permitted["covers"]
    return bare or standing.get("sha256") in kept


def _withdraw_while_closed(rows: Sequence[Gate], decisions: Sequence[Decision], purpose_key: str) -> list[Recorded]:
    """Let the no act at once and keep it in the journal; it becomes a leaf when that is replayed."""
    for row, decision in zip(rows, decisions, strict=True):
        row.grants.pop(purpose_key, None)
        opened = leaf.Opened(decision.record, leaf.new_salt())
        facts = {"subject_id": str(decision.subject_id), "class": "decision", "opening": opened.to_bytes().decode()}
        journal.append("withdrawal", facts)
    writing.save_grants(rows, purpose_key)
    return [Recorded(decision, None) for decision in decisions]
