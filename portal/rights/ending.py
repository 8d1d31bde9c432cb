"""Calls back what a purpose that ended, or a consent that ran out, leaves behind: each person's own deletion."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from consent.models import Decision, Gate, Purpose
from consent.values import DecisionKind, Scope, milliseconds
from portal.audit import trail
from portal.audit.models import Act
from portal.audit.values import SYSTEM, Action
from portal.events.models import Block, Segment
from portal.people.models import Employee
from portal.rights import actions, calling_back, lapsing
from portal.rights.models import Bundle, SubjectRequest
from portal.rights.values import Ground, Kind, OpenedBy

BATCH = 200
# What the key of a deletion begins with that follows from the end of a purpose.
RETIRED = "retired"
WHOSE = {"subject_id": OuterRef("subject_id")}
HAS_DATA = Q(Exists(Block.objects.filter(**WHOSE))) | Exists(Segment.objects.filter(**WHOSE))
HAS_DATA |= Q(Exists(Bundle.objects.filter(**WHOSE)))
KNOWN = Exists(Employee.objects.filter(pk=OuterRef("subject_id")))


def after_retirement() -> list[UUID]:
    """Open the deletions that retired purposes leave, a batch at a time; return the requests.

    Also where the purpose came back since: what was kept under the answers that had ended has no purpose either.
    """
    opened: list[UUID] = []
    for purpose in Purpose.objects.exclude(retired_at=None):
        if not Act.objects.filter(once=_mark(purpose)).exists():
            opened += _retire(purpose)
    return opened


def _mark(purpose: Purpose) -> str:
    return f"{Action.PURPOSE_CLEARED}:{purpose.key}:{purpose.retired_at:%Y-%m-%dT%H:%M:%S.%f}"


def _retire(purpose: Purpose) -> list[UUID]:
    people = list(_left_behind(purpose)[:BATCH])
    if not people:
        trail.record(Action.PURPOSE_CLEARED, actor=SYSTEM, facts={"purpose": purpose.key}, once=_mark(purpose))
    # What was observed under a new answer since it came back is kept.
    before = None if purpose.state == Purpose.State.RETIRED else purpose.retired_at
    because = f"{RETIRED}:{purpose.retired_at:%Y-%m-%dT%H:%M:%S.%f}"
    return [_open(each, purpose.key, because, before) for each in people]


def _left_behind(purpose: Purpose) -> QuerySet[Decision, UUID]:
    """Return who ever said yes to it, has anything stored, and has no deletion for its end yet."""
    yes = Decision.objects.filter(purpose_key=purpose.key, kind__in=calling_back.YES, at__lt=purpose.retired_at)
    opened = _opened(purpose.key, purpose.retired_at or timezone.now())
    return (
        yes.filter(HAS_DATA, KNOWN)
        .exclude(Exists(opened))
        .order_by("subject_id")
        .values_list("subject_id", flat=True)
        .distinct()
    )


def _opened(purpose_key: str, since: datetime) -> QuerySet[SubjectRequest]:
    return SubjectRequest.objects.filter(
        **WHOSE, purpose_key=purpose_key, opened_by=OpenedBy.SYSTEM, opened_at__gte=since
    )


def _open(subject_id: UUID, purpose_key: str, because: str, before: datetime | None = None) -> UUID:
    """Open one person's deletion; the key makes it one, however often and from wherever this is called.

    Whoever took their yes back and wants it deleted later, to take a copy first, keeps that time.
    """
    later = SubjectRequest.objects.for_subject(subject_id).put_off().filter(purpose_key=purpose_key).first()
    request = actions.open_request(
        kind=Kind.ERASURE,
        subject_id=subject_id,
        by=SYSTEM,
        scope=_scope(subject_id, purpose_key, before),
        opened_by=OpenedBy.SYSTEM,
        ground=Ground.NO_LONGER_NECESSARY,
        purpose_key=purpose_key,
        idempotency_key=f"{because}:{purpose_key}:{subject_id}",
        not_before=later.not_before if later else None,
    )
    return request.pk


def _scope(subject_id: UUID, purpose_key: str, before: datetime | None) -> Scope:
    if before is None:
        return actions.called_back(subject_id, {purpose_key})
    return Scope(purposes=frozenset({purpose_key}), to_ms=milliseconds(before))


def after_lapse(now: datetime | None = None) -> list[UUID]:
    """Open the deletions that consents leave which ran out and were not given again in time."""
    now = now or timezone.now()
    # A consent runs out as one, whatever the purpose is put on since.
    over = (each for each in lapsing.due(now - calling_back.grace()) if each.answer.kind == DecisionKind.GIVEN)
    return [_open(*each) for each in _without_deletion(over)]


def _without_deletion(over: Iterable[lapsing.Lapse]) -> list[tuple[UUID, str, str]]:
    found: list[tuple[UUID, str, str]] = []
    for each in over:
        mine = Decision.objects.filter(HAS_DATA, KNOWN, pk=each.answer.pk)
        if mine.exclude(Exists(_opened(each.purpose.key, each.until))).exists():
            found.append((each.answer.subject_id, each.purpose.key, f"lapsed:{each.answer.leaf_idx}"))
    return found


def after_return(now: datetime | None = None) -> list[UUID]:
    """Open the deletions of what answers covered that ended with somebody's leaving, and were not given again in time.

    What was observed since they came back has an answer of its own.
    """
    latest = (now or timezone.now()) - calling_back.grace()
    opened: list[UUID] = []
    for row in Gate.objects.filter(returned_at__lte=latest, active=True).iterator(chunk_size=500):
        said = Decision.objects.for_subject(row.pk).filter(kind__in=calling_back.YES)
        again = said.of_this_time().values("purpose_key")
        ended = said.filter(HAS_DATA, KNOWN).exclude(purpose_key__in=again).values_list("purpose_key", flat=True)
        for key in sorted(set(ended)):
            if said.filter(purpose_key=key).exclude(Exists(_opened(key, row.returned_at))).exists():
                opened.append(_open(row.pk, key, f"returned:{row.returned_at:%Y-%m-%dT%H:%M:%S.%f}", row.returned_at))
    return opened
