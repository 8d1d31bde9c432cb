"""From the bytes of a request to typed events: sizes, gzip, one strict JSON text, and where it breaks the schema."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import msgspec
from django.http import HttpRequest
from msgspec import UNSET, Meta, Struct, UnsetType

from portal.events.values import LONGEST, MOST_EVENTS, Event, Focus, Text, Window
from portal.http import MOST_ERRORS, Problem
from portal.strictjson import Malformed, parse

MOST_BYTES = 1024 * 1024
MOST_EXPANDED = 10 * 1024 * 1024
MOST_TIMES = 100
CHUNK = 64 * 1024
Pointers = list[tuple[str, str]]


class Envelope(Struct, forbid_unknown_fields=True):
    """A batch as it is sent; `subject` is only for service clients."""

    source: Text
    sent_at: Text
    events: list[Event]
    subject: Text | UnsetType = UNSET


class _Outline(Struct, forbid_unknown_fields=True):
    """The same with the events unread, to go on after the first that is wrong."""

    source: Text
    sent_at: Text
    events: list[Any]
    subject: Text | UnsetType = UNSET


_LONG = re.compile(rb'"[^"]{%d,}"' % (LONGEST + 1))
_decoder = msgspec.json.Decoder(Envelope)
_time = msgspec.json.Decoder(Annotated[datetime, Meta(tz=True)])


def read_body(request: HttpRequest) -> bytes:
    """Return the body as it was sent, decompressed; raises Problem 400, 411, 413 or 415. Authenticate before."""
    if request.content_type != "application/json" or _charset(request) not in ("", "utf-8"):
        raise Problem(415, "body.type", "Send application/json in UTF-8.")
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise Problem(415, "body.encoding", "Send the body as it is or with gzip.")
    raw = _read(request)
    return _gunzip(raw) if encoding == "gzip" else raw


def _charset(request: HttpRequest) -> str:
    return (request.content_params or {}).get("charset", "").strip('"').lower()


def _read(request: HttpRequest) -> bytes:
    declared = request.META.get("CONTENT_LENGTH") or ""
    if declared:
        if not declared.isdecimal():
            raise Problem(400, "body.length", "Content-Length is not a number.")
        if int(declared) > MOST_BYTES:
            raise _too_large()
        return _limited(request)
    if "chunked" not in request.headers.get("Transfer-Encoding", "").lower():
        raise Problem(411, "body.length", "Send Content-Length, or the body in chunks.")
    # Django takes a body without a length for an empty one; the server has taken the chunks apart.
    return _limited(request.META["wsgi.input"])


def _limited(stream: Any) -> bytes:
    parts: list[bytes] = []
    left = MOST_BYTES + 1
    while left and (part := stream.read(min(left, CHUNK))):
        parts.append(part)
        left -= len(part)
    if not left:
        raise _too_large()
    return b"".join(parts)


def _too_large() -> Problem:
    return Problem(413, "body.size", "A body has at most 1 MiB, 10 MiB and 100 times as much once decompressed.")


def _gunzip(raw: bytes) -> bytes:
    most = min(MOST_EXPANDED, MOST_TIMES * len(raw))
    engine = zlib.decompressobj(31)
    try:
        out = engine.decompress(raw, most + 1)
    except zlib.error:
        raise _broken("The gzip data is damaged.") from None
    if len(out) > most:
        raise _too_large()
    if not engine.eof or engine.unused_data:
        raise _broken("The gzip data is cut off, or something follows it.")
    return out


def _broken(why: str) -> Problem:
    return Problem(400, "malformed", why)


def read_batch(raw: bytes) -> Envelope:
    """Return the batch; raises Problem 400, 413 or 422, the last with a pointer for each event that is wrong."""
    try:
        envelope = _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _what_is_wrong(raw) from None
    if not _plain(raw, envelope) and (found := _slow_look(raw)):
        raise found
    if len(envelope.events) > MOST_EVENTS:
        raise _too_many()
    if not _is_time(envelope.sent_at) or _nameless(envelope.events):
        raise _what_is_wrong(raw)
    return envelope


def _plain(raw: bytes, envelope: Envelope) -> bool:
    """Whether nothing can be hidden in the text: no coded character, no text over the limit in bytes, no name twice.

    Written again each name stands once; a text with a name more had one twice.
    """
    if b"\\u" in raw or (not raw.isascii() and (b"\\" in raw or _LONG.search(raw))):
        return False
    return raw.count(b":") == msgspec.json.encode(envelope).count(b":")


def _slow_look(raw: bytes) -> Problem | None:
    try:
        value = parse(raw)
    except Malformed as error:
        return _broken(str(error))
    errors = list(_long_texts(value))
    return _invalid(errors) if errors else None


def _is_time(text: str) -> bool:
    try:
        _time.decode(msgspec.json.encode(text))
    except msgspec.ValidationError:
        return False
    return True


def _nameless(events: list[Event]) -> bool:
    # Most batches have no such window, which their types say sooner than their bytes.
    return Focus in map(type, events) and any(isinstance(event, Window) and _has_no_name(event) for event in events)


def _has_no_name(event: Window) -> bool:
    # A blur may be of nothing; a window that comes to the front has a name unless it is private.
    return type(event) is Focus and event.app is UNSET and event.private is not True


def _too_many() -> Problem:
    return Problem(413, "batch.size", f"A batch has at most {MOST_EVENTS} events.")


def _invalid(errors: Pointers) -> Problem:
    return Problem(422, "invalid", "The batch breaks the schema; each error says where.", errors[:MOST_ERRORS])


def _what_is_wrong(raw: bytes) -> Problem:
    """Go through a refused body once more, slowly, and name up to twenty places."""
    try:
        value = parse(raw)
    except Malformed as error:
        return _broken(str(error))
    try:
        outline = msgspec.convert(value, _Outline)
    except msgspec.ValidationError as error:
        return _invalid([_pointer(error, "")])
    if len(outline.events) > MOST_EVENTS:
        return _too_many()
    errors = [] if _is_time(outline.sent_at) else [("/sent_at", "not a time with a zone after RFC 3339")]
    for error in _event_errors(outline.events):
        errors.append(error)
        if len(errors) == MOST_ERRORS:
            break
    return _invalid(errors or list(_long_texts(value)))


def _event_errors(events: list[Any]) -> Iterator[tuple[str, str]]:
    for place, each in enumerate(events):
        try:
            event = msgspec.convert(each, Event)
        except msgspec.ValidationError as error:
            yield _pointer(error, f"/events/{place}")
        else:
            if isinstance(event, Window) and _has_no_name(event):
                yield f"/events/{place}/app", "missing"


_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)
_FIELD = re.compile(r"field `(?P<name>[^`]*)`")


def _pointer(error: msgspec.ValidationError, root: str) -> tuple[str, str]:
    """Turn msgspec's words into a JSON pointer and words that repeat nothing that was sent."""
    found = _AT.match(str(error))
    what, path = (found["what"], found["path"] or "") if found else ("", "")
    pointer = root + re.sub(r"[.\[]", "/", path).replace("]", "")
    field = _FIELD.search(what)
    if field:
        missing = "missing required" in what
        return f"{pointer}/{_escaped(field['name'])}", "missing" if missing else "unknown field"
    return pointer, "unknown value" if what.startswith("Invalid value") else what


def _escaped(name: str) -> str:
    return name[:64].replace("~", "~0").replace("/", "~1")


def _long_texts(value: Any, pointer: str = "") -> Iterator[tuple[str, str]]:
    """Find texts over the limit, which counts bytes and not characters."""
    if isinstance(value, str):
        if len(value.encode()) > LONGEST:
            yield pointer, f"longer than {LONGEST} bytes"
    elif isinstance(value, dict):
        for name, each in value.items():
            yield from _long_texts(each, f"{pointer}/{_escaped(name)}")
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _long_texts(each, f"{pointer}/{place}")
