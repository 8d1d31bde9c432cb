"""What of a person's events may be used by anybody else: nothing that a standing restriction covers."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

import pyarrow as pa

from consent import gate
from consent.values import FOREVER_MS, GateState, Restriction
from portal.events import matching


def standing(subject_id: UUID) -> list[Restriction]:
    state = gate.read(subject_id)
    return [each for each in state.restrictions if each.stands] if state else []


def usable(table: pa.Table, state: GateState | None) -> pa.Table:
    """Return the events that may be handed to others: what is restricted for every purpose is left out.

    Of an event that is restricted for some purposes alone, these are taken off, as if it had never been kept for them.
    """
    for each in state.restrictions if state else ():
        if each.stands:
            table = matching.what_stays(table, _restricted(table, each), each.scope)
    return table


def _restricted(table: pa.Table, each: Restriction) -> matching.Match:
    return matching.match(table, each.scope, FOREVER_MS)


def touching(found: Iterable[Restriction], span: tuple[int, int]) -> list[Restriction]:
    """Return those that hold for something observed in this span of milliseconds."""
    start, end = span
    return [
        each
        for each in found
        if (each.scope.from_ms is None or each.scope.from_ms < end)
        and (each.scope.to_ms is None or each.scope.to_ms > start)
    ]
