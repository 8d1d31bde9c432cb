"""OpenCUA's events.jsonl (AgentNetTool): DuckTrack's lines with the recorder's own counter."""

from __future__ import annotations

from typing import Any

from portal.events.importers import ducktrack
from portal.events.importers.base import Format, Record, SetAside, json_lines
from portal.strictjson import LARGEST


def to_event(record: Record) -> dict[str, Any]:
    """Return DuckTrack's event with `seq`, by which gaps can be seen."""
    fields = ducktrack.to_event(record)
    count = record.get("event_idx")
    if count is None:
        return fields
    if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= LARGEST:
        raise SetAside("bad_event_idx")
    return {**fields, "seq": count}


FORMAT = Format("opencua", json_lines(to_event))
