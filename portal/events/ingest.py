"""Takes a batch: asks the gate, drops and counts what may not be kept, seals the rest, commits once."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from django.db import transaction
from django.db.models import QuerySet

from consent.values import GateState
from portal.events import blocks, devices, focus, hot
from portal.events.blocks import Written
from portal.events.enrolment.values import DEVICE_WAITING
from portal.events.gatekeeping import Gatekeeper, Share, Sifted, sift
from portal.events.models import BatchReceipt, Block
from portal.events.tally import DayTally
from portal.events.values import CONTENT, Accepted, Counts, Event
from portal.http import MOST_ERRORS, Problem
from portal.people.models import Employee
from portal.register.models import Source
from portal.vault import cipher, keys, serverkey

OLDEST = timedelta(days=30)
AHEAD = timedelta(minutes=5)
# The answer of a batch of which nothing may be kept, not even how much it was: its sender can have it worked out again.
NOTHING = b"{}"
# Each one lost means that a decision of this person was committed meanwhile.
ATTEMPTS = 8


@dataclass(frozen=True)
class Batch:
    """What arrived, from whom, about whom."""

    writer: str
    batch_id: UUID
    source: Source
    employee: Employee
    raw: bytes
    events: Sequence[Event]
    arrived: datetime
    imported: bool
    known: hot.Known
    page: str = ""

    @property
    def today(self) -> date:
        return self.arrived.astimezone(ZoneInfo(self.employee.time_zone)).date()

    @property
    def bound(self) -> bytes:
        return cipher.aad("receipt", self.writer, self.batch_id)

    def refused(self) -> Accepted:
        withheld = Counter(event.category for event in self.events)
        return Accepted(self.batch_id, 0, dict(withheld), {})


def accept(
    *,
    writer: str,
    batch_id: UUID,
    source: Source,
    employee: Employee,
    raw: bytes,
    events: Sequence[Event],
    arrived: datetime,
    imported: bool,
    known: hot.Known | None = None,
    page: str = "",
) -> Accepted:
    """Return what became of the batch; raises Problem (409 other bytes, 422 `t` outside the window, 503 closed).

    `known` is what the caller has looked up already, `page` the origin of the page that sends, where one does.
    """
    known = known or hot.look(source.key, employee.pk, writer)
    batch = Batch(writer, batch_id, source, employee, raw, events, arrived, imported, known, page)
    outside = _outside_window(batch)
    # A batch that was in time when it was first sent is answered again however late it is repeated.
    if outside and not _before(batch).exists():
        raise Problem(422, "event.time", "An event is too old or lies in the future.", outside)
    for _attempt in range(ATTEMPTS):
        try:
            return _take(batch)
        except hot.Changed:
            # Whatever narrows what is permitted may have changed with it, such as the device's own pause.
            batch = replace(batch, known=hot.look(source.key, employee.pk, writer))
        except hot.Taken:
            return _again(batch, _before(batch).get())
    raise Problem(503, "gate.busy", "The person is deciding right now; send it again.", headers={"Retry-After": "1"})


def _before(batch: Batch) -> QuerySet[BatchReceipt]:
    return BatchReceipt.objects.filter(writer=batch.writer, batch=batch.batch_id)


def _outside_window(batch: Batch) -> list[tuple[str, str]]:
    now = round(batch.arrived.timestamp() * 1000)
    low = 0 if batch.imported else now - OLDEST // timedelta(milliseconds=1)
    high = now + AHEAD // timedelta(milliseconds=1)
    times = [event.t for event in batch.events]
    if not times or (low <= min(times) and max(times) <= high):
        return []
    wrong = [place for place, t in enumerate(times) if not low <= t <= high]
    return [(f"/events/{place}/t", "outside the time that is accepted") for place in wrong[:MOST_ERRORS]]


def _take(batch: Batch) -> Accepted:
    """Ask and store; raises hot.Changed when somebody decided in between, hot.Taken for a repeat."""
    state = batch.known.state()
    if state is None:
        return batch.refused()
    if state.closed:
        raise Problem(503, "site.closed", "Nothing is accepted while the ledger is being checked.")
    keeper = Gatekeeper(state, batch.source, batch.known, batch.employee, batch.imported, batch.writer, batch.page)
    if not keeper.granted:
        receipt = _receipt(batch, NOTHING)
        told = DayTally(sending=[batch.source.key])
        hot.store(state, receipt, [_sealed(batch, state, receipt, batch.today, b"", told)])
        _tell_of_sending(batch, state, None)
        return batch.refused()
    sifted = sift(keeper, batch.events, focus.recall(batch.known.focus, state.key_epoch))
    try:
        accepted = _keep(batch, state, sifted)
    except hot.Changed:
        sifted.undo()
        raise
    # Of most people nothing is written down: nothing was stopped.
    if batch.known.sender is not None:
        dropped = devices.not_permitted(share.withheld for share in sifted.days.values())
        _tell_of_sending(batch, state, dropped)
    return accepted


def _tell_of_sending(batch: Batch, state: GateState, dropped: Collection[str] | None) -> None:
    """Write down that a device sent what nothing permits; an import is somebody's act and no device's.

    Of one whose person has not answered nothing is told: who installed it would learn what they answered elsewhere.
    """
    installed = batch.known.installed
    if not batch.imported and not (installed and installed.bar == DEVICE_WAITING):
        devices.sent(state, (batch.writer, batch.source.key), batch.today, batch.known.sender, dropped)


def _keep(batch: Batch, state: GateState, sifted: Sifted) -> Accepted:
    accepted = _accepted(batch.batch_id, sifted)
    receipt = _receipt(batch, _answer(accepted))
    receipt.settled = None if sifted.days else batch.today
    rows = [_block(batch, state, receipt, day, share) for day, share in sifted.days.items()]
    if not sifted.fronts:
        hot.store(state, receipt, rows)
        return accepted
    with transaction.atomic():
        hot.store(state, receipt, rows)
        focus.remember(batch.employee.pk, state.key_epoch, batch.writer, batch.source.key, sifted.fronts)
    return accepted


def _receipt(batch: Batch, answer: bytes) -> BatchReceipt:
    return BatchReceipt(
        writer=batch.writer,
        batch=batch.batch_id,
        subject_id=batch.employee.pk,
        digest=serverkey.hmac(batch.raw),
        answer=keys.seal_evidence(batch.employee.pk, answer, batch.bound),
        imported=batch.imported,
        arrived=batch.today,
    )


def _block(batch: Batch, state: GateState, receipt: BatchReceipt, day: date, share: Share) -> Block:
    packed = b""
    if share.events:
        bindings = share.binding_list()
        packed = blocks.pack(Written(batch.source.key, batch.writer, bindings, share.bound, share.events))
    return _sealed(batch, state, receipt, day, packed, share.counts(batch.source.key, len(packed)))


def _sealed(batch: Batch, state: GateState, receipt: BatchReceipt, day: date, packed: bytes, counts: DayTally) -> Block:
    return blocks.build(batch.employee.pk, day, state.key_epoch, receipt.pk, packed, counts)


def _accepted(batch_id: UUID, sifted: Sifted) -> Accepted:
    withheld: Counts = {}
    for share in sifted.days.values():
        for category, reasons in share.withheld.items():
            withheld[category] = withheld.get(category, 0) + sum(reasons.values())
    stored = sum(len(share.events) for share in sifted.days.values())
    return Accepted(batch_id, stored, withheld, {CONTENT: sifted.stripped} if sifted.stripped else {})


def _answer(accepted: Accepted) -> bytes:
    return msgspec.json.encode([accepted.stored, accepted.withheld, accepted.stripped])


def _again(batch: Batch, receipt: BatchReceipt) -> Accepted:
    """Return the first answer, if these are the bytes that it was given to."""
    if not hmac.compare_digest(bytes(receipt.digest), serverkey.hmac(batch.raw)):
        raise Problem(409, "batch.other", "A batch with this id and other content was taken before.")
    opened = keys.open_evidence(receipt.subject_id, bytes(receipt.answer), batch.bound)
    if opened == NOTHING:
        stored, withheld, stripped = 0, batch.refused().withheld, {}
    else:
        stored, withheld, stripped = msgspec.json.decode(opened)
    return Accepted(batch.batch_id, stored, withheld, stripped, replayed=True)
