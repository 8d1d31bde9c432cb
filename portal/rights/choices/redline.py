"""Two versions of a text side by side: what went, what came, line by line and word by word. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import StrEnum
from itertools import groupby, zip_longest

from portal.rights.choices.prose import Line

WORDS = re.compile(r"\s+|\w+|[^\w\s]")
# Below this two lines have so little in common that marking their words would be harder to read than both in full.
ALIKE = 0.5
LONG = 3


class Mark(StrEnum):
    SAME = "same"
    GONE = "gone"
    NEW = "new"


Parts = list[tuple[Mark, str]]


@dataclass(frozen=True)
class Marked:
    """A line with what went and what came in it."""

    kind: str
    parts: Parts

    @property
    def is_same(self) -> bool:
        return all(mark == Mark.SAME for mark, _text in self.parts)


@dataclass(frozen=True)
class Passage:
    """Lines that follow each other; `quiet` where they are many and all as before."""

    lines: list[Marked]
    quiet: bool


def passages(old: Sequence[Line], new: Sequence[Line]) -> list[Passage]:
    """Return the newer text with what went marked in it; the heading over a difference is never folded away."""
    runs = [list(run) for _same, run in groupby(_marked(old, new), key=lambda line: line.is_same)]
    parts = [part for place, run in enumerate(runs) for part in _parts(run, last=place == len(runs) - 1)]
    return [Passage(part, quiet=part[0].is_same and len(part) > LONG) for part in parts if part]


def _parts(run: list[Marked], *, last: bool) -> list[list[Marked]]:
    """Part lines that are all as before at the last heading, under which the next difference stands."""
    headings = [place for place, line in enumerate(run) if line.is_same and line.kind.startswith("h")]
    if last or not headings:
        return [run]
    return [run[: headings[-1]], run[headings[-1] : headings[-1] + 1], run[headings[-1] + 1 :]]


def _marked(old: Sequence[Line], new: Sequence[Line]) -> Iterator[Marked]:
    for what, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            yield from (Marked(line.kind, [(Mark.SAME, line.text)]) for line in new[c:d])
        else:
            for before, after in zip_longest(old[a:b], new[c:d]):
                yield from _pair(before, after)


def _pair(before: Line | None, after: Line | None) -> Iterator[Marked]:
    if before and after and before.kind == after.kind:
        words = [WORDS.findall(line.text) for line in (before, after)]
        matcher = SequenceMatcher(None, *words, autojunk=False)
        if matcher.ratio() >= ALIKE:
            yield Marked(after.kind, list(_words(matcher, *words)))
            return
    if before:
        yield Marked(before.kind, [(Mark.GONE, before.text)])
    if after:
        yield Marked(after.kind, [(Mark.NEW, after.text)])


def _words(matcher: SequenceMatcher[str], old: list[str], new: list[str]) -> Iterator[tuple[Mark, str]]:
    for what, a, b, c, d in matcher.get_opcodes():
        if what == "equal":
            yield Mark.SAME, "".join(new[c:d])
            continue
        if b > a:
            yield Mark.GONE, "".join(old[a:b])
        if d > c:
            yield Mark.NEW, "".join(new[c:d])
