"""Cuts addresses of pages: names and passwords always, the rest as the rules say."""

from __future__ import annotations

import re
from urllib.parse import unquote

from consent.door import Urls
from portal.events.minimising import patterns
from portal.events.minimising.patterns import CUT

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
# Whose addresses have a host; of all others only the name of the scheme says nothing of a person.
HOSTED = frozenset({"http", "https", "ws", "wss", "ftp"})
NAMED = frozenset({
    "about", "blob", "chrome", "chrome-extension", "data", "edge", "file", "javascript", "mailto", "moz-extension",
    "sms", "tel", "view-source",
})  # fmt: skip
# Browsers leave these out of an address wherever they stand, and these at its ends.
_LEFT_OUT = {ord(each): None for each in "\t\n\r"}
_ENDS = "".join(map(chr, range(33)))
_HOST = re.compile(r"(?:[\w.\-]+|\[[0-9A-Fa-f:.]+\]|…)(?::[0-9]{0,5})?")
_DECODINGS = 3
_LONGEST = 32
_VERSION = re.compile(r"v[0-9]{1,2}")


def cut(url: str, rules: Urls) -> str:
    """Return what may be kept of an address, never longer than it; the same again changes nothing."""
    plain = url.strip(_ENDS).translate(_LEFT_OUT)
    found = _SCHEME.match(plain)
    if found is None and plain[:2].strip("/\\"):
        if rules.keep == "all":
            return plain
        return (CUT if plain else "") if rules.keep == "host" else _without_host(plain, rules)
    scheme = found[0] if found else ""
    if found and found[1].lower() not in HOSTED:
        return scheme if found[1].lower() in NAMED else CUT
    # Browsers read any number of slashes, of both kinds, as two.
    rest = plain[len(scheme) :].lstrip("/\\")
    slashes = "//"[: len(plain) - len(scheme) - len(rest)]
    end = min((place for place in map(rest.find, "/\\?#") if place >= 0), default=len(rest))
    host = rest[:end].rpartition("@")[2]
    if rules.keep == "all":
        return f"{scheme}{slashes}{host}{rest[end:]}"
    host = host if not rest[:end] or _HOST.fullmatch(host) else CUT
    path = _path(rest[end:], rules) if rules.keep != "host" else ""
    # What stood behind the last space may be gone.
    return f"{scheme}{slashes}{host}{path}".rstrip(_ENDS)


def _without_host(plain: str, rules: Urls) -> str:
    """Cut what begins with neither scheme nor slashes; what is left of it may, and is cut as that."""
    left = _path(plain, rules)
    return left if left == plain else cut(left, rules)


def _path(text: str, rules: Urls) -> str:
    """Cut a path and what follows it."""
    text, _hash, _fragment = text.partition("#")
    path, _mark, query = text.partition("?")
    path = path.replace("\\", "/")
    # Of most addresses nothing is to be cut here.
    if rules.keep != "path" or ";" in path or "%" in path or patterns.spans(path):
        path = "/".join(_segment(each, rules) for each in path.split("/"))
    kept = _query(query, rules.query) if rules.query else ""
    return f"{path}?{kept}" if kept else path


def _segment(segment: str, rules: Urls) -> str:
    """Cut a part of a path: what stands behind its semicolon goes, and all of it if it names somebody."""
    segment = segment.partition(";")[0]
    if not segment or segment == CUT:
        return segment
    if rules.keep == "path_without_ids" and _is_id(segment):
        return CUT
    return _harmless(segment)


def _harmless(text: str) -> str:
    """Return the text if nothing of a person stands in it, also where it is written in percent signs."""
    decoded = _decoded(text)
    if decoded is None or patterns.spans(decoded):
        return patterns.without(text) if decoded == text else CUT
    return text


def _decoded(text: str) -> str | None:
    """Take percent signs apart, also twice; None if there is no end of it."""
    for _time in range(_DECODINGS):
        decoded = unquote(text) if "%" in text else text
        if decoded == text:
            return text
        text = decoded
    return None


def _is_id(segment: str) -> bool:
    return (any(each.isdigit() for each in segment) and not _VERSION.fullmatch(segment)) or len(segment) > _LONGEST


def _query(query: str, names: frozenset[str]) -> str:
    """Keep the parameters that are named, each with a value that says nothing of a person."""
    pairs = (pair.partition("=") for pair in query.replace(";", "&").split("&"))
    return "&".join(f"{name}{sign}{_value(value)}" for name, sign, value in pairs if name.casefold() in names)


def _value(value: str) -> str:
    """Look at a value as forms write it, a plus for a space, and as it stands."""
    decoded = _decoded(value[:1] + value[1:].replace("+", " "))
    return CUT if decoded is None or patterns.spans(decoded) else _harmless(value)
