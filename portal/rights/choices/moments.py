"""Reads a moment as people write it: an instant with its zone, or the time on the clock where the person is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo

from django.utils import timezone
from django.utils.translation import gettext as _

# A clock shows minutes: the one that has begun is meant up to its end.
AHEAD = timedelta(minutes=1)
FIRST_YEAR = 1971


class Unreadable(ValueError):
    """The text names no moment that is past; it says why."""


def read_time(text: str, zone: tzinfo) -> datetime:
    """Return the moment; raises Unreadable for what is no time, or still to come."""
    try:
        at = datetime.fromisoformat(text.strip())
        at = (at if at.tzinfo else at.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Unreadable(_("Write a time like 2026-11-22 14:10, or 2026-11-22T14:10:00+01:00.")) from error
    now = timezone.now()
    if at.year < FIRST_YEAR or at > now + AHEAD:
        raise Unreadable(_("Name a time that is past: what will be allowed depends on what you answer until then."))
    return min(at, now)
