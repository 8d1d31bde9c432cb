"""ActivityWatch's export: buckets of what was in front, which page was open, and what is set aside here."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from portal.events.importers.base import Asked, Clock, Format, Read, Record, SetAside, number, parse, text
from portal.events.importers.source import Source
from portal.events.importers.tape import Tape

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
APP_BITS = 20
MOST_APPS, LATEST = 1 << APP_BITS, 1 << 43
WINDOW, WEB = "currentwindow", "web.tab.current"
OTHER_BUCKETS = {"afkstatus": "idle_time", "os.hid.input": "sums_of_input"}
# What the walk finds: the number of a bucket, which of its members, and the bytes.
Found = tuple[int, str, bytes | None]


def _read(source: Source, asked: Asked) -> Iterator[Read]:
    clock = Clock(asked.start_ms, unit=1, longest=None)
    # Written with its names in order, a bucket tells what it is only after its events.
    kinds = {bucket: _kind(raw) for bucket, what, raw in _walk(Tape(source)) if what == "type"}
    fronts = Fronts(_windows(source, kinds) if WEB in kinds.values() else ())
    for bucket, what, raw in _walk(Tape(source)):
        if what == "event":
            yield _one(raw, kinds.get(bucket, ""), clock, fronts)


def _windows(source: Source, kinds: dict[int, str]) -> Iterator[tuple[float, str]]:
    """Yield when each window came to the front, and whose it is."""
    for bucket, what, raw in _walk(Tape(source)):
        if what == "event" and raw is not None and kinds.get(bucket) == WINDOW:
            try:
                record = parse(raw)
                yield _moment(record.get("timestamp")), text(_data(record), "app")
            except SetAside:
                continue


class Fronts:
    """Which app was in front when: a page has none of its own, and comes in another bucket in any order.

    The one thing that is remembered of a whole file, in eight bytes a window.
    """

    def __init__(self, windows: Iterable[tuple[float, str]]) -> None:
        self.names: dict[str, int] = {}
        found = array("q")
        for at, app in windows:
            if 0 <= at < LATEST and len(self.names) < MOST_APPS:
                found.append(int(at) << APP_BITS | self.names.setdefault(app, len(self.names)))
        self.seen = array("q", sorted(found))
        self.apps = list(self.names)

    def at(self, moment: float) -> Record:
        place = bisect_right(self.seen, (int(moment) << APP_BITS) + MOST_APPS) if 0 <= moment < LATEST else 0
        app = self.apps[self.seen[place - 1] % MOST_APPS] if place else ""
        return {"app": app} if app else {}


def _kind(raw: bytes | None) -> str:
    try:
        return msgspec.json.decode(raw or b"", type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _walk(tape: Tape) -> Iterator[Found]:
    """Go through an export, or through a bucket that stands alone."""
    if not tape.peek():
        raise tape.source.wrong("is empty")
    if tape.peek() != b"{":
        raise tape.wrong("here should begin an export of ActivityWatch or one bucket")
    known = False
    for name in tape.members():
        known = known or name in ("buckets", "events")
        if name == "buckets":
            yield from _buckets(tape)
        else:
            yield from _member(tape, 0, name)
    tape.end()
    if not known:
        raise tape.source.wrong("is no export of ActivityWatch: it has neither buckets nor events")


def _buckets(tape: Tape) -> Iterator[Found]:
    """The schema lists the buckets, the server names each by its id."""
    number = 0
    if tape.peek() == b"{":
        for _id in tape.members():
            number += 1
            yield from _bucket(tape, number)
        return
    tape.expect(b"[")
    while tape.peek() != b"]":
        number += 1
        yield from _bucket(tape, number)
        if tape.peek() != b"]":
            tape.expect(b",")
    tape.expect(b"]")


def _bucket(tape: Tape, number: int) -> Iterator[Found]:
    if tape.peek() != b"{":
        raise tape.wrong("here should begin a bucket")
    for name in tape.members():
        yield from _member(tape, number, name)


def _member(tape: Tape, number: int, name: str) -> Iterator[Found]:
    if name == "events" and tape.peek() == b"[":
        for raw in tape.elements():
            yield number, "event", raw
        return
    raw = tape.value()
    if name == "type":
        yield number, name, raw


def _one(raw: bytes | None, kind: str, clock: Clock, fronts: Fronts) -> Read:
    try:
        if raw is None:
            raise SetAside("line_too_long")
        return _event(parse(raw), kind, clock, fronts)
    except SetAside as reason:
        return Read(reason=str(reason))


def _event(record: Record, kind: str, clock: Clock, fronts: Fronts) -> Read:
    if kind not in (WINDOW, WEB):
        raise SetAside(OTHER_BUCKETS.get(kind, "other_bucket"))
    data, at = _data(record), _moment(record.get("timestamp"))
    return _window(record, data, at, clock) if kind == WINDOW else _page(data, at, clock, fronts.at(at))


def _data(record: Record) -> Record:
    data = record.get("data")
    if not isinstance(data, dict):
        raise SetAside("bad_data")
    return data


def _moment(value: Any) -> float:
    """Return milliseconds since the epoch; a time without a zone is UTC, as ActivityWatch has it."""
    try:
        moment = datetime.fromisoformat(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (moment - EPOCH) / timedelta(milliseconds=1)
    except (TypeError, ValueError, OverflowError) as error:
        raise SetAside("bad_timestamp") from error


def _window(record: Record, data: Record, at: float, clock: Clock) -> Read:
    """The window came to the front and left it again; without a duration nobody knows when it left."""
    app, title, parts = text(data, "app"), "", []
    if not app:
        raise SetAside("no_app")
    try:
        title = text(data, "title")
    except SetAside as reason:
        parts.append(str(reason))
    window = {"app": app, "title": title} if title else {"app": app}
    events = [{"t": clock.time_ms(at), "type": "focus", **window}]
    try:
        events.append({"t": clock.time_ms(at + _duration(record) * 1000), "type": "blur", **window})
    except SetAside as reason:
        parts.append(str(reason))
    return Read(events, parts=parts)


def _duration(record: Record) -> float:
    if record.get("duration") is None:
        raise SetAside("no_duration")
    seconds = number(record, "duration")
    if seconds < 0:
        raise SetAside("bad_duration")
    return seconds


def _page(data: Record, at: float, clock: Clock, front: Record) -> Read:
    if data.get("incognito") not in (None, False, "false"):
        raise SetAside("private_window")
    url = text(data, "url")
    if not url:
        raise SetAside("no_url")
    return Read(({"t": clock.time_ms(at), "type": "navigate", **front, "url": url},))


LEFT_OUT = ("id, client, hostname, name, created and data of a bucket", "id of an event",
            "title, audible, tabCount and duration of a page")  # fmt: skip
FORMAT = Format("activitywatch", _read, dated=True, left_out=LEFT_OUT, windows=True)
