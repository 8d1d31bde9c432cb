"""`manage.py replay_journal`: what the parts above consent do with the lines of the journal, and in which order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from consent import leaf
from consent.models import Decision, Gate
from consent.recovery import replay
from portal.audit import trail
from portal.audit.models import Act
from portal.audit.values import SYSTEM, Action, ActorKind
from portal.events import adoption
from portal.events.enrolment import actions as enrolment
from portal.events.models import Block, LastFocus, Segment, Volume
from portal.people.models import Employee
from portal.rights import kept
from portal.rights.holds import actions as holds
from portal.rights.leaving import restoring
from portal.rights.recovery import requests
from portal.rights.retention import actions as retention
from portal.vault import keys

Facts = dict[str, Any]


@dataclass
class Report:
    """What a replay did, what is lost, and why the site is still closed, if it is."""

    applied: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    days: dict[UUID, list[date]] = field(default_factory=dict)
    closed: str = ""


def run() -> Report:
    """Apply the journal, settle the store and the requests, and open the site; raises CannotReplay or NoKeys."""
    told = replay.run(PARTS)
    report = Report(told.applied, told.lost)
    _raise_epochs()
    found = adoption.readopt()
    report.days = dict(found.lost)
    report.applied["stored objects taken up again"] += found.objects
    report.applied["stored things removed that are erased, or no key opens"] += found.removed
    report.lost["days of which nothing can be opened"] += sum(map(len, found.lost.values()))
    report.applied.update(requests.settle())
    report.lost["people of the journal who are not in the directory"] += _strangers()
    report.closed = replay.finish()
    if not report.closed:
        _tell(report)
    return report


def _raise_epochs() -> None:
    """The keyring is as it is now: who has only newer keys than the restored row names is sealed under those."""
    for row in Gate.objects.all():
        there = keys.epochs(row.pk)
        if there and row.key_epoch not in there:
            Gate.objects.filter(pk=row.pk).update(key_epoch=max(there), version=row.version + 1)


def _strangers() -> int:
    known = Employee.objects.values("pk")
    return Decision.objects.exclude(subject_id__in=known).values("subject_id").distinct().count()


def _tell(report: Report) -> None:
    trail.record(Action.JOURNAL_REPLAYED, actor=SYSTEM, facts={"applied": +report.applied})
    for subject_id in report.days:
        trail.record(Action.DAYS_LOST, actor=SYSTEM, subject_id=subject_id)


# --- lines


def _access(idx: int, record: leaf.Record) -> None:
    """Write the act of an access anew; what its leaf does not have, such as who that was by name, is lost."""
    said = {name: str(record[name]) for name in ("action", "actor_id", "actor_role", "case", "purpose")}
    if Act.objects.filter(leaf_idx=idx).exists():
        return
    Act(
        **said,
        actor_kind=_kind_of(said["actor_id"]),
        subject_id=UUID(str(record["subject_id"])),
        at=datetime.fromisoformat(str(record["at"])),
        leaf_idx=idx,
    ).save()


def _kind_of(actor_id: str) -> ActorKind:
    try:
        person = UUID(actor_id)
    except ValueError:
        return ActorKind.SYSTEM if actor_id == SYSTEM.id else ActorKind.CLIENT
    return ActorKind.PERSON if Employee.objects.filter(pk=person).exists() else ActorKind.CLIENT


def _request(subject_id: UUID, facts: Facts) -> None:
    kept.put_back(facts)


def _hold(subject_id: UUID, facts: Facts) -> None:
    holds.replay(facts)


def _forgotten(facts: Facts) -> None:
    """Forget somebody again; what was collected goes first, since others' rows point at it."""
    for table in (Block, Segment, Volume, LastFocus):
        table.objects.for_subject(UUID(facts["subject_id"])).delete()
    restoring.forget_again(facts)


PARTS = replay.Parts(
    leaves={"access": _access},
    lines={
        kept.KIND: _request,
        holds.JOURNAL: _hold,
        retention.JOURNAL: retention.replay,
        enrolment.JOURNAL: enrolment.replay,
        "fence": requests.fenced,
        "erasure": requests.erased,
    },
    forgotten=_forgotten,
)
