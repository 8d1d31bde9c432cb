"""Whether each gate row permits what its person's decisions say, no more and no less."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from consent import gate, journal, leaf, terms
from consent.models import Decision, Gate, JournalLine, NoticeVersion, Purpose
from consent.ports import CannotOpen
from consent.values import Basis, DecisionKind, milliseconds

CHUNK = 500
YES = (DecisionKind.GIVEN, DecisionKind.ACKNOWLEDGED)
Entry = Mapping[str, Any]


@dataclass
class Texts:
    """Every version that was published, by what a decision says of it."""

    known: dict[tuple[str, int, str], list[NoticeVersion]] = field(default_factory=lambda: defaultdict(list))
    compared: dict[tuple[int, int], bool] = field(default_factory=dict)

    @classmethod
    def read(cls) -> Texts:
        found = cls()
        for each in NoticeVersion.objects.select_related("notice"):
            found.known[(each.notice.purpose_id, each.version, each.sha256)].append(each)
        return found

    def of(self, decision: Decision) -> list[NoticeVersion]:
        return self.known.get((decision.purpose_key, decision.notice_version, decision.notice_sha256), [])

    def widens(self, old: Decision, new: Decision) -> bool:
        pairs = [(before, after) for before in self.of(old) for after in self.of(new)]
        return all(self._widens(before, after) for before, after in pairs)

    def _widens(self, old: NoticeVersion, new: NoticeVersion) -> bool:
        if old.covers == new.covers and not old.terms:
            return False
        if (old.pk, new.pk) not in self.compared:
            self.compared[(old.pk, new.pk)] = bool(terms.widened(old.compared, new.compared))
        return self.compared[(old.pk, new.pk)]


@dataclass(frozen=True)
class Yes:
    """A yes that no other answer ended, and since when it may hold: from itself, or from those it repeats."""

    decision: Decision
    since: frozenset[int]


@dataclass
class Ended:
    """What ended a yes without a decision.

    Its purpose was retired, it was withdrawn while the site was closed, or its person left and came back.
    """

    retired: dict[str, datetime] = field(default_factory=dict)
    withdrawn: dict[tuple[UUID, str], str] = field(default_factory=dict)
    returned: dict[UUID, str] = field(default_factory=dict)

    @classmethod
    def read(cls, lines: Iterable[Entry]) -> Ended:
        retired = Purpose.objects.filter(retired_at__isnull=False).values_list("key", "retired_at")
        found = cls(dict(retired))
        for line in [*lines, *_waiting_returns()]:
            found._take(line)
        return found

    def _take(self, line: Entry) -> None:
        said = _opened(line)
        if said is None:
            return
        whose, at = UUID(str(said["subject_id"])), str(said["at"])
        if line["kind"] == journal.RETURN:
            self.returned[whose] = max(self.returned.get(whose, ""), at)
        else:
            key = whose, str(said["purpose"])
            self.withdrawn[key] = max(self.withdrawn.get(key, ""), at)

    def has(self, decision: Decision) -> bool:
        retired = self.retired.get(decision.purpose_key)
        withdrawn = self.withdrawn.get((decision.subject_id, decision.purpose_key), "")
        ended = max(withdrawn, self.returned.get(decision.subject_id, ""))
        return bool(retired and retired >= decision.at) or ended >= leaf.stamp(decision.at)


def _waiting_returns() -> Iterator[Entry]:
    for each in JournalLine.objects.filter(kind=journal.RETURN):
        sealed = base64.b64encode(each.sealed).decode()
        yield {"kind": each.kind, "subject_id": str(each.subject_id), "sealed": sealed}


def _opened(line: Entry) -> Mapping[str, Any] | None:
    """Return what a line says that ends a yes, if its person is still known."""
    try:
        said: Mapping[str, Any] = journal.opened(dict(line))
        if line["kind"] != journal.RETURN:
            said = leaf.Opened.from_bytes(said["opening"].encode()).record
        return said if str(said["subject_id"]) == str(line["subject_id"]) and said["at"] else None
    except (CannotOpen, KeyError, TypeError, ValueError):
        return None


def faults(texts: Texts, ended: Ended) -> Iterator[str]:
    """Compare every gate row with the decisions of its person."""
    last = None
    while chunk := after(last):
        said = standing([row.pk for row in chunk], texts)
        for row in chunk:
            yield from _of_one(row, said.get(row.pk, {}), texts, ended)
        last = chunk[-1].pk
    stray = Decision.objects.exclude(subject_id__in=Gate.objects.values("pk")).order_by("leaf_idx").first()
    if stray:
        yield f"decision {stray.leaf_idx} is that of somebody who has no gate"


def after(last: UUID | None) -> list[Gate]:
    rows = Gate.objects.order_by("pk") if last is None else Gate.objects.order_by("pk").filter(pk__gt=last)
    return list(rows[:CHUNK])


def standing(people: list[UUID], texts: Texts) -> dict[UUID, dict[str, list[Yes]]]:
    """Return of each person and purpose the yeses since the last other answer, oldest first."""
    found: dict[UUID, dict[str, list[Yes]]] = defaultdict(dict)
    rows = Decision.objects.filter(subject_id__in=people).order_by("subject_id", "purpose_key", "leaf_idx")
    for (subject_id, purpose), decisions in groupby(rows.iterator(CHUNK), lambda d: (d.subject_id, d.purpose_key)):
        found[subject_id][purpose] = _run(decisions, texts)
    return found


def _run(decisions: Iterable[Decision], texts: Texts) -> list[Yes]:
    run: list[Yes] = []
    for each in decisions:
        if each.kind not in YES:
            run = []
            continue
        repeated = [yes.since for yes in run if not texts.widens(yes.decision, each)]
        run.append(Yes(each, frozenset({milliseconds(each.at)}).union(*repeated)))
    return run


def _of_one(row: Gate, said: Mapping[str, list[Yes]], texts: Texts, ended: Ended) -> Iterator[str]:
    if not _came_back(row, ended.returned.get(row.pk, "")):
        yield f"the gate of {row.pk} names another time at which its person came back than the journal"
    yield from (each.fault for each in wrong(row, said, texts, ended))


@dataclass(frozen=True)
class Wrong:
    """A purpose of which a gate row permits something else than the yes in force says, or than none."""

    purpose: str
    fault: str
    yes: Yes | None


def wrong(row: Gate, said: Mapping[str, list[Yes]], texts: Texts, ended: Ended) -> Iterator[Wrong]:
    grants = row.grants if isinstance(row.grants, dict) else {"": row.grants}
    for purpose in sorted({*grants, *said}):
        run = said.get(purpose, [])
        yes = run[-1] if run and not ended.has(run[-1].decision) else None
        if purpose not in grants:
            if yes:
                yield Wrong(purpose, f"decision {yes.decision.leaf_idx} says yes, but the gate does not permit it", yes)
        elif yes is None:
            yield Wrong(purpose, f"the gate of {row.pk} permits {purpose} without a decision that says so", None)
        elif not _is_granted(grants[purpose], run, texts):
            yield Wrong(purpose, f"the gate does not permit what decision {yes.decision.leaf_idx} says", yes)


def _came_back(row: Gate, at: str) -> bool:
    """Return whether a row has the time, in whole milliseconds, at which its person came back, or neither has one."""
    if row.returned_at is None:
        return not at
    return leaf.stamp(row.returned_at) == at and row.returned_at.microsecond % 1000 == 0


def _is_granted(said: Any, run: list[Yes], texts: Texts) -> bool:
    """Return whether a grant is that of the newest yes, and the one that stood before it that of an earlier one."""
    if not isinstance(said, dict):
        return False
    alone = {name: value for name, value in said.items() if name != "before"}
    if not _is_of(alone, run[-1], texts):
        return False
    return "before" not in said or any(_is_of(said["before"], yes, texts) for yes in run[:-1])


def _is_of(said: Any, yes: Yes, texts: Texts) -> bool:
    if not isinstance(said, dict) or not _is_of_kind(said.get("basis"), yes.decision):
        return False
    wanted = (entry(notice, yes, said) for notice in texts.of(yes.decision))
    # As JSON, where true is not 1.
    return any(_spelled(each) == _spelled(said) for each in wanted)


def _is_of_kind(basis: Any, decision: Decision) -> bool:
    return basis in Basis.values and (basis == Basis.CONSENT) == (decision.kind == DecisionKind.GIVEN)


def entry(notice: NoticeVersion, yes: Yes, said: Entry) -> dict[str, Any]:
    """Return the grant of a yes; of several bases and times that may be right, the one that is said."""
    since = said.get("since_ms")
    known = isinstance(since, int) and since in yes.since
    return {
        "basis": notice.terms.get("basis") or said["basis"],
        "since_ms": since if known else max(yes.since),
        "version": notice.version,
        "sha256": notice.sha256,
        "leaf": yes.decision.leaf_idx,
        **gate.permission(notice, yes.decision.at),
    }


def _spelled(entry: Entry) -> str:
    return json.dumps(entry, sort_keys=True)
