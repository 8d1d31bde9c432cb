"""Until when a day off lasts that is on now."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def off_until(days: Collection[date], zone: ZoneInfo, now: datetime) -> datetime | None:
    """Return the midnight after the last of the marked days that follow each other from today on."""
    day = now.astimezone(zone).date()
    if day not in days:
        return None
    while day in days:
        day += timedelta(days=1)
    return datetime.combine(day, time.min, zone).astimezone(UTC)
