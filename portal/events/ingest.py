"""Takes a batch: asks the gate, drops and counts what may not be kept, seals the rest, commits once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from portal.events.values import Accepted, Event
from portal.people.models import Employee
from portal.register.models import Source


def accept(
    *,
    writer: str,
    batch_id: UUID,
    source: Source,
    employee: Employee,
    raw: bytes,
    events: list[Event],
    arrived: datetime,
    imported: bool,
) -> Accepted:
    """Return what became of the batch; raises Problem (409 other bytes, 422 `t` outside the window, 503 closed)."""
    raise NotImplementedError
