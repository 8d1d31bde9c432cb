"""A company full of people at once: every row that grows with people and days, as the product would have written it.

Keys, key lists, volumes, gate rows, decisions and blocks are sealed and can be opened. Of finished days only the index
row is there and no object, and what receipts seal is filler of the right length: nobody asks for either.
"""

from __future__ import annotations

import math
import uuid
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db import connection, transaction
from django.utils import timezone

from bench.people import BYTES_AN_EVENT, PURPOSE, SOURCE
from consent import actions
from consent.models import Gate
from portal.events import blocks, tally
from portal.events.blocks import Binding, Written
from portal.events.models import BatchReceipt, Block, Volume
from portal.events.tally import DayTally, Tally
from portal.events.values import Event, Pointermove
from portal.people.models import Employee
from portal.rights.models import SubjectRequest
from portal.rights.retention.models import Run
from portal.vault import cache, cipher, kek, keyring, keys
from portal.vault.cache import Ring
from portal.vault.cipher import Key
from portal.vault.keylist import Entries
from portal.vault.models import KeyList, SubjectKey

AT_ONCE = 2000
A_COMMIT = 200
EVENTS_A_DAY = {"pointer_movement": 20_000, "pointer_clicks": 900, "scrolling": 700, "keystroke_timing": 6_000}
# One in so many asked for something: lately and still open, so that a page of the queue is full, or before.
OPEN, CLOSED = 20, 10
SEGMENTS = """
INSERT INTO events_segment (subject_id, day, generation, epoch, name)
SELECT p, d, 1, 1, 'segments/' || p || '/' || d || '/1-1-' || left(md5(p::text || d), 16)
  FROM unnest(%s::uuid[]) p CROSS JOIN unnest(%s::date[]) d
"""
RECEIPTS = """
INSERT INTO events_batchreceipt (id, writer, batch, subject_id, digest, answer, imported, arrived, settled)
SELECT gen_random_uuid(), 'collector:' || p, gen_random_uuid(), p,
       decode(md5(p::text || n) || md5(n || d::text), 'hex'), convert_to(rpad('', 88, md5(d || n::text)), 'UTF8'),
       false, d, d
  FROM unnest(%s::uuid[]) p CROSS JOIN unnest(%s::date[]) d CROSS JOIN generate_series(1, %s) n
"""


def working_days(count: int, last: date) -> list[date]:
    """Return the days of work among so many that end with `last`."""
    found = [last - timedelta(days=back) for back in range(count - 1, -1, -1)]
    return [day for day in found if day.weekday() < 5] or found[-1:]


def load(people: int, days: int, batches: int, first: int) -> None:
    """Add so many people, numbered from `first`, each with so many batches a day."""
    finished = working_days(days, timezone.now().date() - timedelta(days=1))
    for at in range(0, people, AT_ONCE):
        numbers = range(first + at, first + min(at + AT_ONCE, people))
        _add([uuid.uuid4() for _ in numbers], numbers, finished, batches)


def _add(people: Sequence[UUID], numbers: Sequence[int], finished: Sequence[date], batches: int) -> None:
    _make_keys(people, finished)
    with transaction.atomic():
        _make_employees(people, numbers)
        _keep_days(people, finished, batches)
        _ask(people)
    for at in range(0, len(people), A_COMMIT):
        actions.give_many(subject_ids=people[at : at + A_COMMIT], purpose_key=PURPOSE, path="bench")
    for each in people:
        cache.forget(each)


# --- keys


def _make_keys(people: Sequence[UUID], finished: Sequence[date]) -> None:
    names = _names(finished)
    with kek.wrapping() as wrapping_key:
        wrapped, lists = [], []
        for subject_id in people:
            evidence, data = Key.new(), Key.new()
            wrapped += [_wrapped(wrapping_key, subject_id, *each) for each in (("evidence", evidence), ("data", data))]
            known = cache.known(subject_id)
            known.evidence, known.rings = evidence, {keys.FIRST_EPOCH: Ring(data, _entries(names))}
            lists += _sealed_lists(subject_id, data, known.rings[keys.FIRST_EPOCH].lists)
        SubjectKey.objects.bulk_create(wrapped, batch_size=AT_ONCE)
        KeyList.objects.bulk_create(lists, batch_size=AT_ONCE)
        keyring.append([*wrapped, *lists])


def _names(finished: Sequence[date]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = defaultdict(lambda: ["volume"])
    for day in (*finished, timezone.now().date()):
        names[f"{day:%Y-%m}"].append(day.isoformat())
    return names


def _entries(names: dict[str, list[str]]) -> dict[str, Entries]:
    return {month: Entries(tuple((name, Key.new()) for name in each)) for month, each in names.items()}


def _wrapped(wrapping_key: Key, subject_id: UUID, kind: str, key: Key) -> SubjectKey:
    row = SubjectKey(subject_id=subject_id, kind=kind, epoch=keys.FIRST_EPOCH)
    kek.wrap(wrapping_key, row, key)
    return row


def _sealed_lists(subject_id: UUID, data: Key, lists: dict[str, Entries]) -> Iterator[KeyList]:
    for month, entries in lists.items():
        bound = cipher.aad("key-list", subject_id, keys.FIRST_EPOCH, month)
        sealed = cipher.seal(data, entries.encode(), bound)
        yield KeyList(subject_id=subject_id, epoch=keys.FIRST_EPOCH, month=month, sealed=sealed)


# --- people and what they asked for


def _make_employees(people: Sequence[UUID], numbers: Sequence[int]) -> None:
    made = [
        Employee(id=pk, employee_number=f"S{n}", email=f"s{n}@example.org", name=f"Somebody {n}", password="!bench")
        for pk, n in zip(people, numbers, strict=True)
    ]
    Employee.objects.bulk_create(made)
    addresses = [EmailAddress(user=each, email=each.email, verified=True, primary=True) for each in made]
    EmailAddress.objects.bulk_create(addresses)
    Gate.objects.bulk_create([Gate(subject_id=pk) for pk in people])


def _ask(people: Sequence[UUID]) -> None:
    waiting, answered = people[: math.ceil(len(people) / OPEN)], people[: math.ceil(len(people) / CLOSED)]
    SubjectRequest.objects.bulk_create(
        [_request(pk, "erasure", "in_review") for pk in waiting]
        + [_request(pk, "access", "delivered") for pk in answered]
    )


def _request(subject_id: UUID, kind: str, state: str) -> SubjectRequest:
    now = timezone.now()
    due = now.date() + timedelta(days=30)
    closed = now if state == "delivered" else None
    return SubjectRequest(
        subject_id=subject_id, kind=kind, state=state, opened_by="client", opener_id="bench", received=now, due=due,
        first_due=due, rule="gdpr", explanation="A bench.", closed_at=closed,
    )  # fmt: skip


# --- days


def _keep_days(people: Sequence[UUID], finished: Sequence[date], batches: int) -> None:
    days = [day.isoformat() for day in finished]
    with connection.cursor() as cursor:
        cursor.execute(SEGMENTS, [list(people), days])
        cursor.execute(RECEIPTS, [list(people), days, batches])
    Volume.objects.bulk_create([row for pk in people for row in _volumes(pk, finished)], batch_size=AT_ONCE)
    written = [_batch(pk) for pk in people]
    # The night is over: what is measured is the day after it.
    Run.objects.bulk_create([Run(subject_id=pk, finished_on=timezone.now().date()) for pk in people])
    BatchReceipt.objects.bulk_create([receipt for receipt, _block in written])
    Block.objects.bulk_create([block for _receipt, block in written])


def _volumes(subject_id: UUID, finished: Sequence[date]) -> Iterator[Volume]:
    months: dict[str, dict[str, DayTally]] = defaultdict(dict)
    counted = DayTally({SOURCE: Tally(EVENTS_A_DAY, sum(EVENTS_A_DAY.values()) * BYTES_AN_EVENT)})
    for day in finished:
        months[f"{day:%Y-%m}"][day.isoformat()] = counted
    for month, each in months.items():
        row = Volume(subject_id=subject_id, month=month, epoch=keys.FIRST_EPOCH, version=uuid.uuid4())
        bound = cipher.aad("volume", subject_id, month, row.version)
        row.sealed = keys.seal_for(subject_id, keys.FIRST_EPOCH, month, "volume", tally.encode(each), bound)
        yield row


def _batch(subject_id: UUID) -> tuple[BatchReceipt, Block]:
    """Return today's one batch: a block that is folded and waits for the night."""
    now = timezone.now()
    receipt = BatchReceipt(
        writer=f"collector:{subject_id}", batch=uuid.uuid4(), subject_id=subject_id, digest=bytes(32), answer=bytes(88),
        arrived=now.date(),
    )  # fmt: skip
    events = _events(now)
    packed = blocks.pack(Written(SOURCE, receipt.writer, [Binding((PURPOSE,))], [0] * len(events), events))
    counts = DayTally({SOURCE: Tally({"pointer_movement": len(events)}, len(packed))})
    block = blocks.build(subject_id, now.date(), keys.FIRST_EPOCH, receipt.pk, packed, counts)
    block.folded = True
    return receipt, block


def _events(now: datetime) -> list[Event]:
    ms = round(now.timestamp() * 1000)
    return [Pointermove(t=ms - 8 * back, x=900 + back, y=500 - back) for back in range(10, 0, -1)]
