"""Balabit's session files: mouse rows of a remote desktop, seen by a device on the network."""

from __future__ import annotations

from collections.abc import Iterator

from portal.events.importers.base import Asked, Clock, Format, Read, Record, SetAside
from portal.events.importers.columns import Row, numeric, rows
from portal.events.importers.source import Source

COLUMNS = ("record timestamp", "client timestamp", "button", "state", "x", "y")
# Of the side buttons the recorder does not say which.
BUTTONS = {"Left": 0, "Middle": 1, "Right": 2, "XButton": 3}
STATES = {"Pressed": "pointerdown", "Released": "pointerup"}
# A drag is a move with a button held, and the presses say which.
MOVES = ("Move", "Drag")
WHEEL = {"Down": 1, "Up": -1}
# The client's "no position".
NOWHERE = 65535


def _read(source: Source, asked: Asked) -> Iterator[Read]:
    clock = Clock(asked.start_ms)
    for row in rows(source, COLUMNS):
        yield _one(row, clock)


def _one(row: Row | SetAside, clock: Clock) -> Read:
    if isinstance(row, SetAside):
        return Read(reason=str(row))
    try:
        fields, parts = _fields(row)
        return Read(({"t": clock.time_ms(numeric(row, "record timestamp")), **fields},), parts=parts)
    except SetAside as reason:
        return Read(reason=str(reason))


def _fields(row: Row) -> tuple[Record, tuple[str, ...]]:
    button, state = row["button"], row["state"]
    if button == "Scroll" and state in WHEEL:
        return _wheel(row, WHEEL[state])
    if button == "NoButton" and state in MOVES:
        return {"type": "pointermove", **_place(row)}, ()
    if button in BUTTONS and state in STATES:
        return {"type": STATES[state], **_place(row), "button": BUTTONS[button]}, ()
    raise SetAside("unknown_action")


def _place(row: Row) -> Record:
    x, y = numeric(row, "x"), numeric(row, "y")
    if max(x, y) >= NOWHERE:
        raise SetAside("no_position")
    return {"x": x, "y": y}


def _wheel(row: Row, clicks: int) -> tuple[Record, tuple[str, ...]]:
    """One click of the wheel; the recorder writes (0, 0) or its "no position" where it knew none."""
    fields = {"type": "wheel", "deltaX": 0, "deltaY": clicks}
    x, y = numeric(row, "x"), numeric(row, "y")
    if (x, y) == (0, 0) or max(x, y) >= NOWHERE:
        return fields, ("no_position",)
    return {**fields, "x": x, "y": y}, ()


FORMAT = Format("balabit", _read, left_out=("client timestamp",))
