"""ScriptLog's and Inputlog's IDFX: keystrokes of somebody who writes, in XML that no XML parser takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime

from portal.events.importers import virtualkeys
from portal.events.importers.base import OTHER, Asked, Clock, Format, Read, Record, SetAside
from portal.events.importers.source import Source
from portal.strictjson import LARGEST

LONGEST_EVENT = 1 << 20
BEGIN = re.compile(rb"<event(?=[\s/>])")
END = b"</event>"
# Enough of what was passed over that a tag cut in two is found once the rest is there.
OVERLAP = 64
LATIN = re.compile(rb"""<\?xml[^>]{0,200}encoding=["'](?:iso-8859-1|windows-1252|latin-?1)["']""", re.IGNORECASE)
ENTRY = re.compile(r"<entry>\s*<key>([^<]{0,200})</key>\s*<value>([^<]{0,1000})</value>", re.DOTALL)
KIND = re.compile(r"""^<event\b[^>]*?\btype=["']([^"'<>]{0,100})["']""")
REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]{1,6})|#(\d{1,7})|(lt|gt|amp|quot|apos));")
NAMES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
OTHER_KINDS = {"replacement": "text_replaced", "insert": "text_inserted", "mouse": "mouse", "focus": "focus"}
# Local time without a zone: it only orders several logs of one file.
CREATED = "%y/%m/%d %H:%M:%S.%f"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _read(source: Source, asked: Asked) -> Iterator[Read]:
    log = Log(asked)
    for before, event in _split(source):
        log.enter(before)
        if event == b"":
            yield Read(reason="line_too_long", participant=log.participant)
        elif event is not None:
            yield log.read(event)
    if not log.seen:
        raise source.wrong("is no IDFX file: there is no <log> in it")


def _split(source: Source) -> Iterator[tuple[bytes, bytes | None]]:
    """Yield what stands before an event, and the event: nothing at the end, empty if it is longer than any is."""
    held, skipping = b"", False
    for piece in source.pieces():
        *whole, held = (held + piece).split(END)
        for part in whole:
            yield from _events(b"" if skipping else part)
            skipping = False
        if len(held) > LONGEST_EVENT:
            inside = BEGIN.search(held) is not None
            if inside and not skipping:
                yield BEGIN.split(held)[0], b""
            skipping, held = skipping or inside, held[-OVERLAP:]
    if BEGIN.search(held) or skipping:
        raise source.wrong("is cut off within its last event")
    yield held, None


def _events(part: bytes) -> Iterator[tuple[bytes, bytes]]:
    """An event that is not closed ends where the next begins."""
    before, *found = BEGIN.split(part)
    for event in found:
        yield before, b"<event" + event
        before = b""


class Log:
    """Whose log it is and when its counter began, as its heads say."""

    def __init__(self, asked: Asked) -> None:
        self.asked, self.clock = asked, Clock(asked.start_ms, unit=1)
        self.seen = self.latin = False
        self.participant, self.began = "", 0

    def enter(self, before: bytes) -> None:
        """Take in what stands before an event: mostly space, but for the head of a log."""
        if b"<" not in before:
            return
        self.latin = self.latin or LATIN.search(before) is not None
        if b"<log" in before:
            self.seen, self.participant, self.began = True, "", 0
        found = {_unescape(key).strip(): _unescape(value).strip() for key, value in ENTRY.findall(self._text(before))}
        self.participant = found.get("Participant", self.participant)
        self.began = _began(found.get("__LogCreationDate"), found.get("__LogRelativeCreationDate"), self.began)

    def read(self, raw: bytes) -> Read:
        if self.asked.other(self.participant):
            return Read(reason=OTHER, participant=self.participant)
        try:
            events, parts = self._keystroke(self._text(raw))
        except SetAside as reason:
            return Read(reason=str(reason), participant=self.participant)
        return Read(events, parts=parts, participant=self.participant)

    def _text(self, raw: bytes) -> str:
        """Files in Latin-1 lie among those in UTF-8, and do not say so."""
        try:
            return raw.decode("latin-1" if self.latin else "utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1")

    def _keystroke(self, event: str) -> tuple[list[Record], list[str]]:
        kind = KIND.match(event)
        if kind is None or kind[1] != "keyboard":
            raise SetAside(OTHER_KINDS.get(kind[1] if kind else "", "unknown_type"))
        value, parts = _value(event), []
        if len(value) > 1:
            # One key brought several characters: pasted, or put in by a program. Nobody typed them.
            value, parts = "", ["pasted_text"]
        key = virtualkeys.named(_inside(event, "key").strip(), value)
        events = [{"t": self._time(event, "startTime"), "type": "keydown", **key}]
        try:
            events.append({"t": self._time(event, "endTime"), "type": "keyup", "code": key["code"]})
        except SetAside as reason:
            parts.append(str(reason))
        return events, parts

    def _time(self, event: str, name: str) -> int:
        ticks = _inside(event, name).strip()
        if not (ticks.isascii() and ticks.isdigit()) or len(ticks) > 16 or int(ticks) > LARGEST:
            raise SetAside(f"bad_{name}")
        return self.clock.time_ms(int(ticks) + self.began)


def _inside(event: str, name: str) -> str:
    _before, found, rest = event.partition(f"<{name}>")
    return rest.partition(f"</{name}>")[0] if found else ""


def _value(event: str) -> str:
    """Return what the key brought; the end of the line that some write after `<value>` belongs to it."""
    found = _inside(event, "value")
    if found.startswith("<![CDATA[") and found.endswith("]]>"):
        return found[9:-3]
    return _unescape(found)


def _unescape(text: str) -> str:
    """Put in the characters that are referred to, those too that XML forbids, such as &#x8;."""

    def character(found: re.Match[str]) -> str:
        if found[3]:
            return NAMES[found[3]]
        code = int(found[1], 16) if found[1] else int(found[2])
        return chr(code) if code < 0xD800 or 0xDFFF < code <= 0x10FFFF else "\N{REPLACEMENT CHARACTER}"

    return REFERENCE.sub(character, text)


def _began(created: str | None, counter: str | None, otherwise: int) -> int:
    """Return what turns the machine's counter into local time, in milliseconds; unknown, it stays a counter."""
    try:
        moment = datetime.strptime(created or "", CREATED).replace(tzinfo=UTC)
        return round((moment - EPOCH).total_seconds() * 1000) - int((counter or "")[:16])
    except ValueError:
        return otherwise


LEFT_OUT = ("id", "position", "documentLength", "replay", "keyboardstate", "head of the log")
FORMAT = Format("idfx", _read, several=True, left_out=LEFT_OUT)
