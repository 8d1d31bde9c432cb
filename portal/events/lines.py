"""A day's events as the page lists them: a sentence each, opening to every field it was sent with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from consent.models import Purpose
from portal.events import charts, words
from portal.events.values import EventPage

# The fields of an event as they were sent, listed when its line is opened.
FIELDS = (
    "t",
    "type",
    "x",
    "y",
    "button",
    "deltaX",
    "deltaY",
    "code",
    "key",
    "app",
    "title",
    "private",
    "url",
    "seq",
    "screen_w",
    "screen_h",
    "collector",
)


@dataclass(frozen=True)
class Line:
    """One event, as shown."""

    at: datetime
    millisecond: str
    says: str
    category: str
    token: str
    app: str
    source: str
    device: str
    purposes: list[str]
    fields: list[tuple[str, Any]]
    query: str


@dataclass(frozen=True)
class Names:
    """What sources, purposes and devices are called."""

    sources: Mapping[str, str]
    purposes: Mapping[str, str]
    devices: Mapping[str, str]


def of_page(found: EventPage, zone: ZoneInfo, sources: Mapping[str, str], devices: Mapping[str, str]) -> list[Line]:
    names = Names(sources, dict(Purpose.objects.values_list("key", "title")), devices)
    return [_line(row, rank, zone, names) for row, rank in zip(found.rows, found.ranks, strict=True)]


def _line(row: Mapping[str, Any], rank: int, zone: ZoneInfo, names: Names) -> Line:
    return Line(
        at=datetime.fromtimestamp(row["t"] // 1000, UTC).astimezone(zone),
        millisecond=f"{row['t'] % 1000:03d}",
        says=words.event(row),
        category=words.category(row["category"]),
        token=charts.TOKENS.get(row["category"], charts.DROPPED_TOKEN),
        app=row.get("in_app") or row.get("app") or "",
        source=names.sources.get(row["source"], row["source"]),
        device=names.devices.get(row["collector"], ""),
        purposes=[names.purposes.get(key, key) for key in row["purposes"].split(",") if key],
        fields=[(name, row[name]) for name in FIELDS if row.get(name) is not None],
        query=urlencode({"t": row["t"], "rank": rank}),
    )
