"""Reads a person's days back: how much of what, page by page, or all of a day."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date
from uuid import UUID

import pyarrow as pa

from portal.events.values import DayTotal, EventPage


def days(subject_id: UUID, month: str | None = None) -> list[DayTotal]:
    """Return what was kept and withheld a day, oldest first, without opening an event."""
    raise NotImplementedError


def stored_days(subject_id: UUID) -> list[date]:
    """Return the days of which there are events, oldest first."""
    raise NotImplementedError


def still_sending(subject_id: UUID) -> dict[date, tuple[str, ...]]:
    """Return the sources that sent, a day, although nothing of theirs may be kept."""
    raise NotImplementedError


def table(subject_id: UUID, day: date) -> pa.Table:
    """Return the events of a day in order of time; a field that was not sent is null.

    `app` is as sent; `in_app` is the app the event belongs to. `key_purposes` are what the typed character is kept for.
    """
    raise NotImplementedError


def page(
    subject_id: UUID,
    day: date,
    *,
    categories: Collection[str] | None = None,
    sources: Collection[str] | None = None,
    from_ms: int | None = None,
    to_ms: int | None = None,
    offset: int = 0,
    limit: int = 100,
) -> EventPage:
    """Return some events of a day as dictionaries without what was not sent."""
    raise NotImplementedError
