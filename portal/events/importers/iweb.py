"""iweb's raw_data.csv: tasks on a web map, several people in one file, the presses of a task in one cell."""

from __future__ import annotations

import re
from collections.abc import Iterator

from portal.events.importers.base import OTHER, Asked, Clock, Format, Read, Record, SetAside
from portal.events.importers.columns import Row, rows
from portal.events.importers.source import Source

DOWN = re.compile(r"-?\d{1,15}:Down:(\d{1,16}):(-?\d{1,9}):(-?\d{1,9}):[^:]*", re.ASCII)
# A y above the window is written "702--54".
UP = re.compile(r"up:(\d{1,16}):(-?\d{1,9})-(-?\d{1,9}):[^:]*", re.ASCII)
# The file does not say which button; the W3C's number for none known.
NO_BUTTON = -1


def _read(source: Source, asked: Asked) -> Iterator[Read]:
    clock = Clock(asked.start_ms, unit=1, longest=None)
    for row in rows(source, ("mouse_clicks", "subject")):
        yield _one(row, asked, clock)


def _one(row: Row | SetAside, asked: Asked, clock: Clock) -> Read:
    if isinstance(row, SetAside):
        return Read(reason=str(row))
    who = row["subject"].strip()
    if not who:
        return Read(reason="no_participant")
    if asked.other(who):
        return Read(reason=OTHER, participant=who)
    events, parts = _presses(row["mouse_clicks"], clock)
    if not events:
        return Read(reason=parts[0] if parts else "no_presses", participant=who)
    return Read(events, parts=parts, participant=who)


def _presses(cell: str, clock: Clock) -> tuple[list[Record], list[str]]:
    events, parts = [], []
    for token in filter(None, cell.split(",")):
        try:
            events.append(_press(token.strip(), clock))
        except SetAside as reason:
            parts.append(str(reason))
    return events, parts


def _press(token: str, clock: Clock) -> Record:
    down = DOWN.fullmatch(token)
    found = down or UP.fullmatch(token)
    if found is None:
        raise SetAside("unknown_token")
    ms, x, y = (int(text) for text in found.groups())
    kind = "pointerdown" if down else "pointerup"
    return {"t": clock.time_ms(ms), "type": kind, "x": x, "y": y, "button": NO_BUTTON}


LEFT_OUT = ("typ", "iLTs", "ACR", "net_delay")
FORMAT = Format("iweb", _read, dated=True, several=True, left_out=LEFT_OUT)
