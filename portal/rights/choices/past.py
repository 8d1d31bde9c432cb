"""The gate as it was at a past moment, put together from decisions, the versions of notices and the trail."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from consent import days_off, gate
from consent.asking import answered, answered_texts
from consent.models import ONLY_ROW, Decision, Gate, LedgerState, NoticeVersion, Purpose
from consent.values import FOREVER_MS, Basis, DecisionKind, GateState, Grant, Pause, Restriction, Scope, milliseconds
from portal.audit.models import Act
from portal.audit.values import Action
from portal.rights.calling_back import YES

AWAY = "away-"
OF_PERSON = (
    Action.COLLECTION_PAUSED,
    Action.COLLECTION_RESUMED,
    Action.COLLECTION_RESTRICTED,
    Action.RESTRICTION_LIFTED,
    Action.DECISION_WITHDRAWN,
    Action.EMPLOYEE_DEACTIVATED,
    Action.EMPLOYEE_CHANGED,
)
OF_ALL = (
    Action.PURPOSE_RETIRED,
    Action.SOURCE_LIVE,
    Action.SOURCE_RETIRED,
    Action.LEDGER_CLOSED,
    Action.LEDGER_REOPENED,
)


@dataclass(frozen=True)
class Answer:
    """What stood for a purpose at the moment: the newest decision, its text, and what had ended it by itself."""

    decision: Decision
    notice: NoticeVersion | None
    grant: Grant | None = None
    retired: datetime | None = None
    withdrawn_while_closed: datetime | None = None

    @property
    def lapsed_ms(self) -> int | None:
        """Return when the answer ran out, if it names a time."""
        return gate.permission(self.notice, self.decision.at).get("until_ms") if self.notice else None


@dataclass(frozen=True)
class Moment:
    """What was known of a person at a time; `state` is the gate as it would have answered."""

    at: datetime
    state: GateState
    answers: dict[str, Answer]
    present: bool = True
    closed: bool = False
    acts: tuple[Act, ...] = field(default=(), repr=False)

    @property
    def at_ms(self) -> int:
        return milliseconds(self.at)


def moment(subject_id: UUID, at: datetime) -> Moment:
    """Return what was so at a time that is past, or now."""
    own = list(Act.objects.for_subject(subject_id).filter(action__in=OF_PERSON, at__lte=at).order_by("at", "pk"))
    acts = list(Act.objects.filter(action__in=OF_ALL, subject_id=None, at__lte=at).order_by("at", "pk"))
    present = not _is_last(own, Action.EMPLOYEE_DEACTIVATED, _returned)
    row = Gate.objects.filter(pk=subject_id).first()
    answers = _answers(subject_id, at, own, acts, since=_back_since(own, row))
    grants = {key: each.grant for key, each in answers.items() if each.grant}
    state = GateState(
        subject_id=subject_id,
        version=0,
        key_epoch=0,
        grants=grants if present else {},
        pauses=_pauses(own, row, milliseconds(at)),
        restrictions=_restrictions(own, row, milliseconds(at)),
        days_off=_days_off(row),
    )
    closed = _is_last(acts, Action.LEDGER_CLOSED, lambda act: act.action == Action.LEDGER_REOPENED)
    return Moment(at, state, answers, present, closed, tuple(acts))


def _days_off(row: Gate | None) -> frozenset[date]:
    """Return the days that are marked now: when somebody marked one is written down nowhere."""
    return days_off.opened(row.pk, bytes(row.days_off)) or days_off.NO_DAYS if row else days_off.NO_DAYS


def _returned(act: Act) -> bool:
    return act.action == Action.EMPLOYEE_CHANGED and bool(act.facts.get("returned"))


def _back_since(own: Iterable[Act], row: Gate | None) -> datetime | None:
    """Return when the person last came back: what they had said before stands no more (`Gate.returned_at`)."""
    if row is None or row.returned_at is None:
        return None
    return max((act.at for act in own if _returned(act)), default=None)


def _is_last(acts: Iterable[Act], begins: Action, ends: Any) -> bool:
    """Return whether what one act begins was not ended by a later one."""
    begun = False
    for act in acts:
        begun = True if act.action == begins else begun and not ends(act)
    return begun


# --- answers


def _answers(
    subject_id: UUID, at: datetime, own: Sequence[Act], acts: Sequence[Act], since: datetime | None
) -> dict[str, Answer]:
    decisions = Decision.objects.for_subject(subject_id).filter(at__lte=at).order_by("leaf_idx")
    decisions = decisions.filter(at__gt=since) if since else decisions
    newest = _in_force(decisions)
    texts = answered_texts(newest.values())
    purposes = Purpose.objects.in_bulk(list(newest))
    retired = _retired(acts, purposes, at)
    taken_back = _taken_back(own)
    return {
        key: _answer(each, answered(each, texts), at, purposes.get(key), retired.get(key, []), taken_back.get(key, []))
        for key, each in sorted(newest.items())
    }


def _in_force(decisions: Iterable[Decision]) -> dict[str, Decision]:
    """Return the newest of each purpose; a yes that the journal does not have counts for nothing yet."""
    journalled = LedgerState.objects.filter(pk=ONLY_ROW).values_list("journalled", flat=True).first() or 0
    return {each.purpose_key: each for each in decisions if each.kind not in YES or each.leaf_idx < journalled}


def _retired(acts: Iterable[Act], purposes: Mapping[str, Purpose], at: datetime) -> dict[str, list[datetime]]:
    found: dict[str, list[datetime]] = {}
    for act in acts:
        if act.action == Action.PURPOSE_RETIRED:
            found.setdefault(str(act.facts.get("purpose")), []).append(act.at)
    for key, purpose in purposes.items():
        if purpose.retired_at and purpose.retired_at <= at:
            found.setdefault(key, []).append(purpose.retired_at)
    return found


def _taken_back(own: Iterable[Act]) -> dict[str, list[datetime]]:
    """Return withdrawals by the trail: while the site is closed they are in no leaf yet."""
    found: dict[str, list[datetime]] = {}
    for act in own:
        if act.action == Action.DECISION_WITHDRAWN:
            found.setdefault(str(act.facts.get("purpose")), []).append(act.at)
    return found


def _answer(
    decision: Decision,
    notice: NoticeVersion | None,
    at: datetime,
    purpose: Purpose | None,
    retired: Iterable[datetime],
    taken_back: Iterable[datetime],
) -> Answer:
    ended = min((each for each in retired if each >= decision.at), default=None)
    withdrawn = min((each for each in taken_back if each > decision.at), default=None)
    if decision.kind not in YES:
        return Answer(decision, notice)
    if ended or withdrawn or notice is None:
        return Answer(decision, notice, None, ended, withdrawn)
    return Answer(decision, notice, _grant(decision, notice, purpose, milliseconds(at)))


def _grant(decision: Decision, notice: NoticeVersion, purpose: Purpose | None, at_ms: int) -> Grant | None:
    """Return the grant of a yes as the gate row had it, unless it had run out."""
    basis = notice.terms.get("basis") or _basis(decision, purpose)
    entry = {
        "basis": basis,
        "since_ms": milliseconds(decision.at),
        "version": notice.version,
        "sha256": notice.sha256,
        "leaf": decision.leaf_idx,
        **gate.permission(notice, decision.at),
    }
    grants = gate.grants_in_force({decision.purpose_key: entry}, decision.leaf_idx + 1, at_ms)
    return grants.get(decision.purpose_key)


def _basis(decision: Decision, purpose: Purpose | None) -> str:
    if decision.kind == DecisionKind.GIVEN:
        return Basis.CONSENT
    known = purpose.basis if purpose else ""
    return known if known != Basis.CONSENT else Basis.LEGITIMATE_INTEREST


# --- pauses and restrictions


def _ms(stamp: object) -> int:
    return milliseconds(datetime.fromisoformat(str(stamp)))


def _pauses(own: Iterable[Act], row: Gate | None, at_ms: int) -> tuple[Pause, ...]:
    """Return the pauses begun by then, as long as they were to last; one without an act, as the gate has it."""
    found: dict[str, Pause] = {}
    for act in own:
        if act.action == Action.COLLECTION_PAUSED and "from" in act.facts:
            until = act.facts.get("until")
            key = str(act.facts["key"])
            found[key] = Pause(key, _ms(act.facts["from"]), _ms(until) if until else FOREVER_MS)
        elif act.action == Action.COLLECTION_RESUMED and "at" in act.facts:
            found = {key: _cut(each, _ms(act.facts["at"])) for key, each in found.items()}
    for each in row.pauses if row else ():
        if not each["key"].startswith(AWAY):
            found.setdefault(each["key"], Pause(**each))
    return tuple(each for each in found.values() if each.from_ms <= at_ms)


def _cut(pause: Pause, now: int) -> Pause:
    return Pause(pause.key, pause.from_ms, min(pause.to_ms, max(now, pause.from_ms)))


def _restrictions(own: Iterable[Act], row: Gate | None, at_ms: int) -> tuple[Restriction, ...]:
    """Return what was restricted then; the trail names no app, so one for some apps is told of from the gate alone."""
    found: dict[str, Restriction] = {}
    for act in own:
        key = str(act.facts.get("key", ""))
        if act.action == Action.COLLECTION_RESTRICTED and "scope" in act.facts:
            scope = Scope.from_json(json.loads(str(act.facts["scope"])))
            found[key] = Restriction(key, scope, _ms(act.facts["from"]))
        elif act.action == Action.RESTRICTION_LIFTED:
            found.pop(key, None)
    for each in row.restrictions if row else ():
        standing = each["to_ms"] is None or each["to_ms"] > at_ms
        if standing and each["from_ms"] <= at_ms:
            found[each["key"]] = Restriction(each["key"], Scope.from_json(each["scope"]), each["from_ms"])
    return tuple(each for each in found.values() if each.from_ms <= at_ms)
