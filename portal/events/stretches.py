"""The stretches of time in which nothing could be taken from a person, as far back as decisions and the trail go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time
from itertools import pairwise
from uuid import UUID

from consent import terms
from consent.models import Decision, NoticeVersion, Purpose
from consent.values import FOREVER_MS, DecisionKind, GateState, Scope, milliseconds
from portal.audit.models import Act
from portal.audit.values import Action
from portal.events.endings import YES
from portal.people.models import Employee
from portal.register import standing
from portal.register.models import PurposeRecord, Source, WorksAgreement

PAUSED, RESTRICTED, AWAY, NOT_AGREED, NOT_ACKNOWLEDGED = (
    "paused",
    "restricted",
    "away",
    "not_agreed",
    "not_acknowledged",
)
# Why nothing was permitted: never asked or answered, taken back, run out, or ended by the company.
OFF, SAID_NO, LAPSED, RETIRED = "off", "said_no", "lapsed", "retired"
# A day that the person marked; why is not asked.
DAY_OFF = "day_off"
HELD_BY_KEY = "away-"
ACTS = (
    Action.COLLECTION_PAUSED,
    Action.COLLECTION_RESUMED,
    Action.EMPLOYEE_DEACTIVATED,
    Action.EMPLOYEE_CHANGED,
)


@dataclass(frozen=True)
class Stretch:
    """In ms, the end excluded; `why` is one of the words above."""

    from_ms: int
    to_ms: int
    why: str


def of(employee: Employee, state: GateState | None) -> list[Stretch]:
    """Return every stretch there is, in no order; they may overlap."""
    answers = Answers.read(employee.pk)
    first = _first(employee)
    return [
        *_by_acts(employee, state),
        *_between(answers.permitting(first)),
        *_not_told(answers, first),
        *_not_agreed(employee),
        *_restricted(state),
    ]


# --- pauses, and accounts that were closed


def _by_acts(employee: Employee, state: GateState | None) -> list[Stretch]:
    """Read the trail, which keeps them for good; of a pause without an act, what the gate still has."""
    found: dict[str, Stretch] = {}
    acts = Act.objects.for_subject(employee.pk).filter(action__in=ACTS).order_by("at", "pk")
    for act in acts:
        if act.action == Action.COLLECTION_PAUSED and "from" in act.facts:
            until = act.facts["until"]
            found[str(act.facts["key"])] = Stretch(
                _stamped(act.facts["from"]), _stamped(until) if until else FOREVER_MS, PAUSED
            )
        elif act.action == Action.EMPLOYEE_DEACTIVATED:
            found[HELD_BY_KEY] = Stretch(milliseconds(act.at), FOREVER_MS, AWAY)
        else:
            _end(found, act)
    for pause in state.pauses if state else ():
        why = AWAY if pause.key.startswith(HELD_BY_KEY) else PAUSED
        found.setdefault(pause.key, Stretch(pause.from_ms, pause.to_ms, why))
    return list(found.values())


def _stamped(stamp: object) -> int:
    return milliseconds(datetime.fromisoformat(str(stamp)))


def _end(found: dict[str, Stretch], act: Act) -> None:
    if act.action == Action.COLLECTION_RESUMED:
        ended = {key: each for key, each in found.items() if each.why == PAUSED}
    else:
        ended = {key: each for key, each in found.items() if each.why == AWAY and act.facts.get("returned")}
    at = _stamped(act.facts["at"]) if "at" in act.facts else milliseconds(act.at)
    for key, each in ended.items():
        found[key] = Stretch(each.from_ms, min(each.to_ms, max(at, each.from_ms)), each.why)


def _restricted(state: GateState | None) -> list[Stretch]:
    """Return when everything was restricted, as far as the gate has it; a narrower one leaves no gap."""
    whole = [each for each in state.restrictions if each.scope == Scope()] if state else []
    return [Stretch(each.from_ms, each.to_ms or FOREVER_MS, RESTRICTED) for each in whole]


# --- answers


@dataclass(frozen=True)
class Answers:
    """What a person decided, and the texts that they decided on with their purposes: one query each, always."""

    decisions: list[Decision]
    versions: dict[tuple[str, str], NoticeVersion]

    @classmethod
    def read(cls, subject_id: UUID) -> Answers:
        own = Decision.objects.for_subject(subject_id)
        texts = NoticeVersion.objects.filter(sha256__in=own.values("notice_sha256")).select_related("notice__purpose")
        return cls(list(own.order_by("leaf_idx")), {(each.notice.purpose_id, each.sha256): each for each in texts})

    def of_each(self) -> dict[str, list[Stretch]]:
        """Return from when to when each purpose had a yes, and why it ended."""
        made: dict[str, list[Decision]] = {}
        for each in self.decisions:
            made.setdefault(each.purpose_key, []).append(each)
        return {
            purpose: [self._answer(one, after) for one, after in pairwise([*mine, None]) if one and one.kind in YES]
            for purpose, mine in made.items()
        }

    def _answer(self, yes: Decision, after: Decision | None) -> Stretch:
        since = milliseconds(yes.at)
        ends = [(FOREVER_MS, OFF)]
        if after is not None:
            ends.append((milliseconds(after.at), SAID_NO))
        version = self.versions.get((yes.purpose_key, yes.notice_sha256))
        if version is not None and (lapses := terms.until(version.terms, yes.at)):
            ends.append((milliseconds(lapses), LAPSED))
        retired_at = version.notice.purpose.retired_at if version else None
        if retired_at is not None and milliseconds(retired_at) >= since:
            ends.append((milliseconds(retired_at), RETIRED))
        return Stretch(since, *min(ends))

    def permitting(self, first: Mapping[str, int]) -> list[Stretch]:
        """Leave out what permits nothing: notices that are only to be acknowledged, and those that cover nothing."""
        silent = first.keys() | {purpose for (purpose, _sha256), each in self.versions.items() if not each.covers}
        found = (each for purpose, made in self.of_each().items() if purpose not in silent for each in made)
        return sorted(found, key=lambda each: each.from_ms)

    def telling(self, purpose: str) -> list[Stretch]:
        """Return when a notice stood as acknowledged; no consent acknowledges it."""
        given = {milliseconds(each.at) for each in self.decisions if each.kind == DecisionKind.GIVEN}
        made = self.of_each().get(purpose, [])
        return sorted((each for each in made if each.from_ms not in given), key=lambda each: each.from_ms)


def _between(permitted: Iterable[Stretch]) -> list[Stretch]:
    """Return when nothing was permitted, and what had ended last."""
    found: list[Stretch] = []
    reached, why = 0, OFF
    for each in permitted:
        if each.from_ms > reached:
            found.append(Stretch(reached, each.from_ms, why))
        if each.to_ms >= reached:
            reached, why = each.to_ms, each.why
    return [*found, Stretch(reached, FOREVER_MS, why)] if reached < FOREVER_MS else found


# --- what has to stand before anything is collected


def _first(employee: Employee) -> dict[str, int]:
    """Return the purposes that this person has to acknowledge first, and since when."""
    records = PurposeRecord.objects.filter(must_acknowledge=True).values_list("purpose_key", "jurisdictions")
    keys = [key for key, named in records if standing.concerns(named, employee.jurisdiction)]
    live = Purpose.objects.live().filter(pk__in=keys) if keys else ()
    published = NoticeVersion.objects.valid().filter(notice__purpose__in=live).order_by("-valid_from") if live else ()
    return {each.notice.purpose_id: milliseconds(each.valid_from) for each in published}


def _not_told(answers: Answers, first: Mapping[str, int]) -> list[Stretch]:
    """Return when one of them was not acknowledged."""
    found = []
    for purpose, since in first.items():
        reached = since
        for each in answers.telling(purpose):
            if each.from_ms > reached:
                found.append(Stretch(reached, each.from_ms, NOT_ACKNOWLEDGED))
            reached = max(reached, each.to_ms)
        if reached < FOREVER_MS:
            found.append(Stretch(reached, FOREVER_MS, NOT_ACKNOWLEDGED))
    return found


def _not_agreed(employee: Employee) -> list[Stretch]:
    """Return until when no source at all was agreed upon in the person's country, where that is demanded."""
    if not standing.demanded(employee.jurisdiction):
        return []
    countries = [standing.ALL, standing.country_of(employee.jurisdiction)]
    sources = Source.objects.live()
    dated = WorksAgreement.objects.filter(source__in=sources, country__in=countries).values_list("dated", flat=True)
    agreed = min(dated, default=None)
    until = FOREVER_MS if agreed is None else milliseconds(datetime.combine(agreed, time(), UTC))
    return [Stretch(0, until, NOT_AGREED)] if sources.exists() else []
