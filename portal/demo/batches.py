"""Batches as a collector would send them now: a stretch of a real recording, moved to the last seconds."""

from __future__ import annotations

from typing import Any

from portal.demo.company import recording
from portal.events.importers.base import read
from portal.events.importers.formats import FORMATS

Event = dict[str, Any]
SECONDS_IN = 40
MOST = 2000


def stretch(apps: list[str], from_ms: int, to_ms: int) -> list[Event]:
    """Return what was recorded in as many milliseconds, each part of it in front of one of these apps."""
    began = from_ms - SECONDS_IN * 1000
    recorded = read(recording("opencua"), FORMATS["opencua"], began).events
    within = [event for event in recorded if from_ms <= event["t"] < to_ms][:MOST]
    turn = max(1, -(-len(within) // len(apps)))
    parts = [within[start : start + turn] for start in range(0, len(within), turn)]
    return [event for app, part in zip(apps, parts, strict=False) for event in _in_front_of(app, part)]


def _in_front_of(app: str, part: list[Event]) -> list[Event]:
    first, last = part[0]["t"], part[-1]["t"]
    page = {"t": first, "type": "focus", "app": app, "title": f"{app}: working"}
    return [page, *part, {"t": last, "type": "blur", "app": app}]
