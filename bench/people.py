"""A person with as many events as asked, stored as sealing leaves them, and the same as rows for the rival."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from django.db import transaction

from consent import gate
from portal.events import segments, volumes
from portal.events.models import Segment
from portal.events.tally import DayTally, Month, Tally
from portal.people.models import Employee

SOURCE, WRITER, PURPOSE = "agent", "bench", "train"
BYTES_AN_EVENT = 60
TAPES = 5
# What the rival keeps of an event, in the order of its columns.
RIVAL = ("type", "source", "app", "x", "y", "button", "deltaX", "deltaY", "code", "seq")


@dataclass(frozen=True)
class Day:
    """A day's events as they are stored."""

    day: date
    table: pa.Table


def _event(dice: random.Random, x: int, y: int) -> dict[str, object]:
    kind = dice.random()
    if kind < 0.90:
        return {"type": "pointermove", "x": x, "y": y}
    if kind < 0.94:
        return {"type": "wheel", "deltaX": 0, "deltaY": dice.choice((-120, 120))}
    if kind < 0.97:
        return {"type": "keydown", "code": dice.choice(("KeyA", "KeyE", "Space"))}
    return {"type": "pointerdown", "x": x, "y": y, "button": 0}


def _tape(dice: random.Random, events: int) -> pa.Table:
    """Return a day that begins at the epoch: a hand that moves, clicks, scrolls and types."""
    t, x, y, rows = 8 * 3600 * 1000, 900, 500, []
    for seq in range(events):
        t += dice.randrange(4, 12)
        x = min(1919, max(0, x + dice.randrange(-9, 10)))
        y = min(1079, max(0, y + dice.randrange(-9, 10)))
        event = _event(dice, x, y)
        rows.append({"t": t, "seq": seq, "category": segments.CATEGORY_OF[str(event["type"])], **event})
    table = pa.Table.from_pylist(rows, schema=segments.SCHEMA)
    fixed = {"source": SOURCE, "collector": WRITER, "in_app": "editor", "purposes": PURPOSE}
    for name, value in fixed.items():
        column = pa.array([value] * events, pa.string())
        table = table.set_column(table.schema.get_field_index(name), name, column)
    return table


def days(events: int, count: int, last: date) -> Iterator[Day]:
    """Yield so many days that end with `last`, which share the events evenly; some few of them differ."""
    dice = random.Random(events)
    tapes = [_tape(dice, events // count) for _ in range(min(TAPES, count))]
    for number in range(count):
        day = last - timedelta(days=count - 1 - number)
        start = round(datetime.combine(day, time(), UTC).timestamp() * 1000)
        tape = tapes[number % len(tapes)]
        yield Day(day, tape.set_column(0, "t", pc.add(tape["t"], start)))


def store(employee: Employee, found: Iterator[Day]) -> None:
    """Put the days where sealing puts them, one object a day, and count them into the volumes."""
    state = gate.read(employee.pk)
    epoch = state.key_epoch if state else 1
    months: dict[str, Month] = {}
    rows = []
    for each in found:
        name = segments.put(segments.Header(employee.pk, each.day, 1, epoch), each.table)
        rows.append(Segment(subject_id=employee.pk, day=each.day, generation=1, epoch=epoch, name=name))
        months.setdefault(f"{each.day:%Y-%m}", {})[each.day.isoformat()] = _counted(each.table)
    with transaction.atomic():
        gate.hold(employee.pk)
        for month, counted in months.items():
            volumes.write(volumes.lock(employee.pk, month, epoch), counted, epoch)
        Segment.objects.bulk_create(rows)


def _counted(table: pa.Table) -> DayTally:
    events = Counter(table["category"].to_pylist())
    return DayTally({SOURCE: Tally(dict(events), len(table) * BYTES_AN_EVENT)})


def write_rows(subject_id: UUID, found: Iterator[Day], place: Path) -> None:
    """Write the same events as one CSV file of the rival's columns, without a header."""
    options = pyarrow.csv.WriteOptions(include_header=False)
    with place.open("wb") as sink:
        for each in found:
            whose = pa.array([str(subject_id)] * len(each.table), pa.string())
            when = pa.array([each.day.isoformat()] * len(each.table), pa.string())
            columns = [each.table[name] for name in ("t", *RIVAL)]
            rows = pa.table([whose, when, *columns], names=["subject_id", "day", "t", *RIVAL])
            pyarrow.csv.write_csv(rows, sink, options)
