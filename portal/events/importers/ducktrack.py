"""DuckTrack's events.jsonl: one act a line, with the seconds of a monotonic clock."""

from __future__ import annotations

from typing import Any

from portal.events.importers import keys
from portal.events.importers.base import Format, Record, SetAside, json_lines, number, text

BUTTONS = {"left": 0, "middle": 1, "right": 2, "x1": 3, "x2": 4, "button8": 3, "button9": 4}


def to_event(record: Record) -> dict[str, Any]:
    """Return the fields of the W3C event that this record is."""
    action = record.get("action")
    if action in ("pause", "resume"):
        # The recorder's own marks: nobody moved, clicked or typed.
        raise SetAside("marker")
    reader = READERS.get(action) if isinstance(action, str) else None
    if reader is None:
        raise SetAside("unknown_action")
    return reader(record)


def _place(record: Record) -> dict[str, Any]:
    return {"x": number(record, "x"), "y": number(record, "y")}


def _move(record: Record) -> dict[str, Any]:
    return {"type": "pointermove", **_place(record)}


def _click(record: Record) -> dict[str, Any]:
    button = BUTTONS.get(text(record, "button").lower())
    if button is None:
        raise SetAside("bad_button")
    if not isinstance(record.get("pressed"), bool):
        raise SetAside("bad_pressed")
    return {"type": "pointerdown" if record["pressed"] else "pointerup", **_place(record), "button": button}


def _scroll(record: Record) -> dict[str, Any]:
    """Keep the wheel's numbers as written: the file does not say which way its owner had set the wheel."""
    return {
        "type": "wheel",
        **_place(record),
        "deltaX": number(record, "dx"),
        "deltaY": number(record, "dy"),
    }


def _press(record: Record) -> dict[str, Any]:
    return {"type": "keydown", **keys.named(text(record, "name"))}


def _release(record: Record) -> dict[str, Any]:
    return {"type": "keyup", **keys.named(text(record, "name"))}


READERS = {"move": _move, "click": _click, "scroll": _scroll, "press": _press, "release": _release}
FORMAT = Format("ducktrack", json_lines(to_event))
