"""Cuts window titles: by the rules of the source, and of every one what would name somebody."""

from __future__ import annotations

import re

from consent.door import Titles, Urls
from portal.events.minimising import patterns, urls
from portal.events.minimising.patterns import CUT

# What stands between the parts of a title: a dash or a bar, with space around it.
_SEPARATOR = re.compile(r"\s[-\u2010-\u2015|\u00b7\u2022\u00bb>:]+\s")
_WORD = re.compile(r"\w+|…")
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{0,30}:(?://|\\\\)\S*|\b(?:blob|data|javascript|view-source):\S+")
_PASSES = 8


def clean(title: str, rules: Titles, addresses: Urls) -> str:
    """Return what may be kept of a title, empty if nothing; never longer, and the same again changes nothing."""
    for _pass in range(_PASSES):
        said = _once(title, rules, addresses)
        if said == title:
            return said
        title = said
    return ""


def _once(title: str, rules: Titles, addresses: Urls) -> str:
    if rules.words is not None and not rules.words:
        return ""
    if ":" in title:
        title = _ADDRESS.sub(lambda found: urls.cut(found[0], addresses), title)
    if rules.first_part:
        title = _SEPARATOR.split(title.strip(), maxsplit=1)[0].rstrip()
    if rules.words is not None:
        title = _only(title, rules.words)
    return patterns.without(title)


def _only(title: str, words: frozenset[str]) -> str:
    """Keep the words that are named; one sign stands for all between two of them."""
    parts: list[str] = []
    for word in _WORD.findall(title):
        kept = word if word.casefold() in words else CUT
        if kept != CUT or not parts or parts[-1] != CUT:
            parts.append(kept)
    return " ".join(parts) if parts != [CUT] else ""
