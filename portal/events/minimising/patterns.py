"""Finds what must not stand in a title: e-mail addresses, account, card and phone numbers. Time grows with the length.

Whatever is found is replaced by one character, so that a text never grows. What looks like a number of that kind and is
none goes as well now and then; dates, times, versions and addresses of machines stay.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from portal.events.minimising.numbers import accounts, cards_and_phones

CUT = "…"
# What can be any of them: an at sign, what an account begins with, or seven digits close to each other.
_MAYBE = re.compile(
    r"@|%40|[A-Za-z]{2}[ \-\u00ad]?[0-9]{2}(?:[ \-.\u00ad]?[A-Za-z0-9]){11}|(?:[0-9][^0-9]{0,3}){6}[0-9]"
)
_AT = re.compile(r"@|%40")
_NO_NAME = frozenset("<>()[]{},;:\"'`|/\\=?&#")
_QUOTED = 64
# Each pass makes the text shorter; one that takes more of them was made for it.
_PASSES = 8
Span = tuple[int, int]


def without(text: str) -> str:
    """Return the text without them; the same again changes nothing."""
    for _pass in range(_PASSES):
        found = spans(text)
        if not found:
            return text
        text = _replaced(text, found)
    return text if not spans(text) else CUT


def spans(text: str) -> list[Span]:
    """Return where they stand, in order, joined where they touch."""
    plain = text if text.isascii() else folded(text)
    if not _MAYBE.search(plain):
        return []
    found = sorted([*_mails(plain), *accounts(plain), *cards_and_phones(plain)])
    joined: list[Span] = []
    for start, end in found:
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _replaced(text: str, found: list[Span]) -> str:
    parts, at = [], 0
    for start, end in found:
        parts += [text[at:start], CUT]
        at = end
    return "".join([*parts, text[at:]])


def folded(text: str) -> str:
    """Return the text with digits, letters and signs of other alphabets as ASCII has them, place by place."""
    return "".join(each if each.isascii() else _folded(each) for each in text)


def _folded(sign: str) -> str:
    if sign.isdecimal():
        return str(unicodedata.decimal(sign))
    category = unicodedata.category(sign)
    if category == "Pd":
        return "-"
    # A sign without width stands between digits as a space would, and a letter's accent is no end of a name.
    if category in ("Zs", "Cf"):
        return " " if category == "Zs" else "\u00ad"
    plain = unicodedata.normalize("NFKC", sign)
    return plain if len(plain) == 1 else sign


def _mails(plain: str) -> Iterator[Span]:
    """Go out from each at sign: what stands before is a name, what stands behind a host."""
    before = 0
    for at in _AT.finditer(plain):
        end = _host(plain, at.end())
        start = _name(plain, at.start(), before) if end else at.start()
        before = at.end()
        if start < at.start():
            before = end
            yield start, end


def _name(plain: str, end: int, floor: int) -> int:
    """Return where the name before an at sign begins; `floor` is where the one before it ended."""
    if end > floor and plain[end - 1] == '"':
        opening = plain.rfind('"', max(floor, end - _QUOTED), end - 1)
        return opening if opening >= 0 else end - 1
    start = end
    while start > floor and plain[start - 1] not in _NO_NAME and not plain[start - 1].isspace():
        start -= 1
    return start


def _host(plain: str, start: int) -> int:
    """Return where the host behind an at sign ends, 0 if there is none: the end of a version has no letter."""
    if plain[start : start + 1] == "[":
        closing = plain.find("]", start, start + _QUOTED)
        return closing + 1 if closing > 0 else 0
    end = start
    while end < len(plain) and (plain[end].isalnum() or plain[end] in ".-_\u00ad" or _accent(plain[end])):
        end += 1
    while end > start and plain[end - 1] in ".-_":
        end -= 1
    last = plain[start:end].rpartition(".")[2]
    return end if any(each.isalpha() for each in last) else 0


def _accent(sign: str) -> bool:
    return not sign.isascii() and unicodedata.category(sign) in ("Mn", "Mc")
