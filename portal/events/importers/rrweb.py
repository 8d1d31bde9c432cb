"""rrweb's recordings of a web page: pointer and scrolling only; the page itself, and what was typed, are dropped."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw, Struct

from portal.events.importers.base import Asked, Clock, Format, Read, Record, SetAside, number, text
from portal.events.importers.source import Source
from portal.events.importers.tape import LONGEST_VALUE, Tape

# const events = [..., perhaps after comments: rrweb's own examples come as a script.
WRAPPER = re.compile(
    rb"(?:\s|/\*.{0,2000}?\*/|//[^\n]{0,2000}\n)*"
    rb"(?:export\s+default\s*|(?:export\s+)?(?:const|let|var)\s+[\w$]+\s*=\s*|[\w$.]{1,100}\s*=\s*)?",
    re.DOTALL,
)
LONGEST_WRAPPER = 8192
MOST_ELEMENTS = 10_000
# rrweb does not say which button; the W3C's numbers for none known, and for a touch.
NO_BUTTON, TOUCH = -1, 0
INCREMENTAL, META = 3, 4
OTHER_TYPES = {0: "page_state", 1: "page_state", 2: "page_snapshot", 5: "custom", 6: "plugin", 7: "asset"}
POINTER, PRESS, SCROLL = (1, 6, 12), 2, 3
OTHER_SOURCES = {
    0: "page_change", 4: "viewport", 5: "input_text", 7: "media", 8: "page_style", 9: "canvas", 10: "page_style",
    11: "console", 13: "page_style", 14: "selection", 15: "page_style", 16: "page_change",
}  # fmt: skip
PRESSES = {
    0: ("pointerup", NO_BUTTON),
    1: ("pointerdown", NO_BUTTON),
    7: ("pointerdown", TOUCH),
    9: ("pointerup", TOUCH),
}
# A click says again what a press and a release have said.
OTHER_PRESSES = {
    2: "click", 3: "context_menu", 4: "double_click", 5: "element_focus", 6: "element_focus", 8: "touch_other",
    10: "touch_other",
}  # fmt: skip


class Outer(Struct):
    """A record; what it holds is left unread until it is known to matter."""

    type: Any = None
    timestamp: Any = None
    data: Raw = Raw(b"null")


class Inner(Struct):
    """The parts of `data` that are taken; a page's content is passed over without being built."""

    source: Any = None
    type: Any = None
    positions: Any = None
    id: Any = None
    x: Any = None
    y: Any = None
    href: Any = None


_outer = msgspec.json.Decoder(Outer)
_inner = msgspec.json.Decoder(Inner)


def _read(source: Source, asked: Asked) -> Iterator[Read]:
    reader = Reader(Clock(asked.start_ms, unit=1, longest=None))
    for raw in _records(source):
        yield reader.read(raw)


def _records(source: Source) -> Iterator[bytes | None]:
    """Yield each record of an array, of a script that holds one, or of lines."""
    tape = Tape(source)
    if tape.peek() == b"{":
        yield from (line for line in source.lines(LONGEST_VALUE) if line is None or line.strip())
        return
    if not tape.peek():
        raise source.wrong("is empty")
    wrapper = WRAPPER.match(tape.prefix(LONGEST_WRAPPER))
    tape.at += wrapper.end() if wrapper else 0
    if tape.peek() != b"[":
        raise tape.wrong("here should begin the array of an rrweb recording, or its lines")
    yield from tape.elements()
    if b"[" in tape.prefix(LONGEST_WRAPPER) or len(tape.prefix(LONGEST_WRAPPER)) == LONGEST_WRAPPER:
        raise tape.wrong("something follows the recording")


class Reader:
    """Turns records into events; of each element it remembers how far it was scrolled."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.scrolled: dict[int, tuple[float, float]] = {}

    def read(self, raw: bytes | None) -> Read:
        try:
            return self._read(raw)
        except SetAside as reason:
            return Read(reason=str(reason))

    def _read(self, raw: bytes | None) -> Read:
        if raw is None:
            raise SetAside("line_too_long")
        outer = _decode(_outer, raw, "not_an_object")
        kind = outer.type if isinstance(outer.type, int) and not isinstance(outer.type, bool) else None
        if kind in OTHER_TYPES:
            raise SetAside(OTHER_TYPES[kind])
        if kind not in (INCREMENTAL, META):
            raise SetAside("unknown_type")
        at = number({"timestamp": outer.timestamp}, "timestamp")
        inner = _decode(_inner, bytes(outer.data), "bad_data")
        return self._page(inner, at) if kind == META else self._step(inner, at)

    def _page(self, inner: Inner, at: float) -> Read:
        """A page was opened: its elements are new ones."""
        self.scrolled.clear()
        url = text({"href": inner.href}, "href")
        if not url:
            raise SetAside("bad_href")
        return Read(({"t": self.clock.time_ms(at), "type": "navigate", "url": url},))

    def _step(self, inner: Inner, at: float) -> Read:
        source = inner.source if isinstance(inner.source, int) else None
        if source in POINTER:
            return self._path(inner.positions, at)
        if source == PRESS:
            return Read((self._press(inner, at),))
        if source == SCROLL:
            return Read((self._scroll(inner, at),))
        raise SetAside(OTHER_SOURCES.get(source, "unknown_source") if source is not None else "bad_data")

    def _path(self, positions: Any, at: float) -> Read:
        if not isinstance(positions, list) or not positions:
            raise SetAside("bad_positions")
        events, parts = [], []
        for each in positions:
            try:
                events.append(self._point(each, at))
            except SetAside as reason:
                parts.append(str(reason))
        if not events:
            raise SetAside(parts[0])
        return Read(events, parts=parts)

    def _point(self, each: Any, at: float) -> Record:
        if not isinstance(each, dict):
            raise SetAside("bad_position")
        t = self.clock.time_ms(at + number(each, "timeOffset"))
        return {"t": t, "type": "pointermove", "x": number(each, "x"), "y": number(each, "y")}

    def _press(self, inner: Inner, at: float) -> Record:
        kind = inner.type if isinstance(inner.type, int) else None
        if kind not in PRESSES:
            raise SetAside(OTHER_PRESSES.get(kind, "unknown_press") if kind is not None else "bad_data")
        what, button = PRESSES[kind]
        place = {"x": number({"x": inner.x}, "x"), "y": number({"y": inner.y}, "y")}
        return {"t": self.clock.time_ms(at), "type": what, **place, "button": button}

    def _scroll(self, inner: Inner, at: float) -> Record:
        """A place to which an element was scrolled: how far that is from its last place, if there was one."""
        place = (number({"x": inner.x}, "x"), number({"y": inner.y}, "y"))
        before = self._moved(inner.id, place)
        if before is None:
            raise SetAside("first_scroll_place")
        delta = {"deltaX": place[0] - before[0], "deltaY": place[1] - before[1]}
        return {"t": self.clock.time_ms(at), "type": "wheel", **{name: number(delta, name) for name in delta}}

    def _moved(self, element: Any, place: tuple[float, float]) -> tuple[float, float] | None:
        if not isinstance(element, int):
            raise SetAside("bad_id")
        before = self.scrolled.get(element)
        if len(self.scrolled) >= MOST_ELEMENTS:
            self.scrolled.clear()
        self.scrolled[element] = place
        return before


def _decode(decoder: msgspec.json.Decoder[Any], raw: bytes, otherwise: str) -> Any:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise SetAside(otherwise) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SetAside("not_json") from error


FORMAT = Format("rrweb", _read, dated=True, left_out=("sessionId", "width", "height", "element ids"))
