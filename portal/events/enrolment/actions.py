"""What a person does with their collectors and devices: each is one transaction and one act, and acts at its commit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from consent import actions as consent
from consent import journal, ledger
from consent.values import Closed
from portal.audit import trail
from portal.audit.values import Action, Actor
from portal.events.enrolment import joining
from portal.events.enrolment.models import Called, Collector, Device, digest
from portal.events.enrolment.values import Ownership, Said, State

# What stands in the journal, so that no restored backup lets a collector go on that was stopped since.
JOURNAL = "collector"


class NotPossible(Exception):
    """It is too late, or this collector stands otherwise."""


@dataclass(frozen=True)
class Chosen:
    """What a person says of a device: what they call it, whose it is, where it is, and their yes if it is theirs."""

    name: str
    ownership: str = Ownership.COMPANY
    agreed: bool = False
    country: str = ""


def approve(
    *, subject_id: UUID, source: str, said: Said, chosen: Chosen, code: str, fetch_until: datetime, by: Actor
) -> Collector:
    """Let the collector that shows this code join; raises NotPossible for a code that was used, Closed."""
    _refuse_while_closed()
    try:
        with _changing(subject_id):
            fetched = {"code": digest(code), "fetch_until": fetch_until}
            collector = joining.join(subject_id=subject_id, source=source, said=said, **fetched)
            _choose(collector.device, chosen)
            _tell(Action.COLLECTOR_JOINED, collector, by)
    except IntegrityError as error:
        raise NotPossible from error
    return collector


def refuse(*, subject_id: UUID, source: str, by: Actor) -> None:
    trail.record(Action.COLLECTOR_REFUSED, actor=by, subject_id=subject_id, facts={"source": source})


def answer(*, collector: Collector, chosen: Chosen, by: Actor) -> None:
    """Let a collector begin that was installed for its person."""
    _refuse_while_closed()
    with _held(collector, State.WAITING) as row:
        _choose(row.device, chosen)
        _move(row, State.ACTIVE, Action.COLLECTOR_ANSWERED, by)


def pause(*, collector: Collector, by: Actor) -> None:
    with _held(collector, State.ACTIVE) as row:
        _move(row, State.PAUSED, Action.COLLECTOR_PAUSED, by)


def resume(*, collector: Collector, by: Actor) -> None:
    _refuse_while_closed()
    with _held(collector, State.PAUSED) as row:
        _move(row, State.ACTIVE, Action.COLLECTOR_RESUMED, by)


def end(*, collector: Collector, by: Actor) -> None:
    """Take every token from a collector; it is nobody's from the commit on, and may join anew with a new code."""
    with _held(collector, *State.values) as row:
        if row.state != State.ENDED:
            row.ended, row.code, row.fetch_until = timezone.localdate(), None, None
            joining.tokens_of(row).delete()
            _move(row, State.ENDED, Action.COLLECTOR_ENDED, by)


def describe(*, device: Device, chosen: Chosen, by: Actor) -> None:
    """Take over what the person says of their device; what lets more in waits until the log is open."""
    with _changing(device.subject_id):
        row = Device.objects.select_for_update().get(pk=device.pk)
        before = (row.ownership, row.agreed, row.country)
        if before != (chosen.ownership, chosen.agreed, chosen.country):
            _refuse_while_closed()
        _choose(row, chosen)
        facts = {"ownership": row.ownership, "agreed": row.agreed, "country": row.country}
        trail.record(Action.DEVICE_DESCRIBED, actor=by, subject_id=row.subject_id, facts=facts)


def _choose(device: Device, chosen: Chosen) -> None:
    called: Called = device.opened()
    device.seal(Called(name=chosen.name, said=called.said, system=called.system))
    device.ownership, device.country = Ownership(chosen.ownership), chosen.country
    # A yes to one's own device says nothing of one that is the company's.
    device.agreed = chosen.agreed and chosen.ownership == Ownership.PERSONAL
    device.save()
    said = {"subject_id": str(device.subject_id), "device": str(device.pk), "ownership": device.ownership}
    journal.append(JOURNAL, said | {"agreed": device.agreed, "country": device.country})


def _move(row: Collector, state: State, action: Action, by: Actor) -> None:
    row.state = state
    row.save()
    journal.append(JOURNAL, {"subject_id": str(row.subject_id), "collector": str(row.pk), "state": state.value})
    _tell(action, row, by)


def _tell(action: Action, row: Collector, by: Actor) -> None:
    facts = {"collector": str(row.pk), "source": row.source}
    trail.record(action, actor=by, subject_id=row.subject_id, facts=facts)


@contextmanager
def _changing(subject_id: UUID) -> Iterator[None]:
    """One transaction in which nothing of the person's is stored meanwhile."""
    with transaction.atomic():
        consent.touch(subject_id=subject_id)
        yield


@contextmanager
def _held(collector: Collector, *states: str) -> Iterator[Collector]:
    """Lock the collector as well, against a token that is being fetched; raises NotPossible if it stands otherwise."""
    with _changing(collector.subject_id):
        row = Collector.objects.select_for_update(of=("self",)).select_related("device").get(pk=collector.pk)
        if row.state not in states:
            raise NotPossible
        yield row


def _refuse_while_closed() -> None:
    if reason := ledger.closed():
        raise Closed(reason)


# --- after a backup was restored


def replay(subject_id: UUID, facts: dict[str, Any]) -> None:
    """Set a collector or a device to what the journal says of it; one that joined since the backup is not there."""
    if "collector" in facts:
        _replay_collector(Collector.objects.for_subject(subject_id).filter(pk=facts["collector"]).first(), facts)
    else:
        named = ("ownership", "agreed", "country")
        found = Device.objects.for_subject(subject_id).filter(pk=facts["device"])
        found.update(**{name: facts[name] for name in named})


def _replay_collector(collector: Collector | None, facts: dict[str, Any]) -> None:
    if collector is None:
        return
    collector.state = State(facts["state"])
    collector.code = collector.fetch_until = None
    if collector.state == State.ENDED:
        collector.ended = collector.ended or timezone.localdate()
        joining.tokens_of(collector).delete()
    collector.save()
