"""What the page of a replay shows: the hours that have one, the player's address, and the same as a table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import QueryDict
from django.urls import reverse
from django.utils.formats import time_format
from django.utils.translation import gettext as _

from portal.events import gaps
from portal.events.openday import OpenDay
from portal.events.replay import points
from portal.events.replay.points import HOUR, MINUTE, Cursor, Span
from portal.events.timeline import bands
from portal.people.models import Employee

SPEEDS = (1, 2, 4, 8, 16, 30, 60)


def day_span(owner: Employee, day: date, opened: OpenDay) -> Span:
    return bands.span_with(gaps.span_of(day, owner), opened)


def stretch(asked: QueryDict, whole: Span) -> Span:
    """Return the stretch that is asked for, within the day and no longer than an hour."""
    start, end = (Cursor.read(asked.get(name, "")) for name in ("from", "until"))
    begins = min(max(start.t, whole[0]), whole[1]) if start else whole[0]
    last = min(begins + HOUR, whole[1])
    return begins, max(begins, min(end.t, last)) if end else last


def page(owner: Employee, day: date, opened: OpenDay, asked: QueryDict) -> dict[str, Any]:
    zone, whole = ZoneInfo(owner.time_zone), day_span(owner, day, opened)
    hours = points.by_hour(opened, whole)
    if "from" not in asked and hours:
        asked = asked.copy()
        asked["from"] = str(hours[0][0])
    span = stretch(asked, whole)
    here = reverse("replay", args=[owner.pk, day])
    return {
        "day": day,
        "hours": [
            (_clock(at, zone), count, f"{here}?from={at}", span[0] < at + HOUR and at < span[1]) for at, count in hours
        ],
        "from_ms": span[0],
        "until_ms": span[1],
        "begins": _clock(span[0], zone),
        "ends": _clock(span[1], zone),
        "zone": owner.time_zone,
        "speeds": SPEEDS,
        "address": f"{reverse('replay-points', args=[owner.pk, day])}?{urlencode({'from': span[0], 'until': span[1]})}",
        "rows": [_row(row, owner, day, zone) for row in points.by_minute(opened, span)],
    }


def _row(row: Mapping[str, Any], owner: Employee, day: date, zone: ZoneInfo) -> dict[str, Any]:
    span = {"start": row["from_ms"], "end": row["from_ms"] + MINUTE}
    return {
        "when": _clock(row["from_ms"], zone),
        "moves": row["pointermove_sum"],
        "clicks": row["pointerdown_sum"],
        "scrolls": row["wheel_sum"],
        "path": _path(row),
        "href": f"{reverse('day', args=[owner.pk, day])}?{urlencode(span)}#events",
    }


def _path(row: Mapping[str, Any]) -> str:
    places = [row[f"{name}_{which}"] for which in ("first", "last") for name in "xy"]
    if None in places:
        return ""
    return _("from %(x)g, %(y)g to %(to_x)g, %(to_y)g") % dict(zip(("x", "y", "to_x", "to_y"), places, strict=True))


def _clock(ms: int, zone: ZoneInfo) -> str:
    return time_format(datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone), "H:i")
