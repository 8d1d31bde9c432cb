"""Finds colleagues in texts that programs wrote (titles, addresses) and puts their role in their place. Pure.

A name counts where all its words stand one after the other, in either order and however they are joined
(`ada.lovelace`, `Lovelace, Ada`, `ada%20lovelace`); a single word is too often a word like any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import quote, unquote

import pyarrow as pa

from portal.rights.lines import encoded

COLUMNS = ("title", "url", "app", "in_app")
WORD = re.compile(r"[^\W_]+")
ADDRESS = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
ESCAPED = re.compile(r"%[0-9A-Fa-f]{2}")
Words = tuple[str, ...]


@dataclass(frozen=True)
class Directory:
    """Everybody, by the first word of each way to write their name, and by address: the same whoever asks."""

    names: dict[str, list[tuple[Words, str]]]
    addresses: dict[str, str]

    @classmethod
    def of(cls, people: Iterable[tuple[str, str, str]]) -> Directory:
        """Take who somebody is, their name, and their address."""
        names: dict[str, list[tuple[Words, str]]] = {}
        addresses = {}
        for who, name, address in people:
            addresses[address.casefold()] = who
            for words in _ways(_words(name)):
                names.setdefault(words[0], []).append((words, who))
        for ways in names.values():
            ways.sort(key=lambda way: -len(way[0]))
        return cls(names, addresses)


@dataclass
class Others:
    """Everybody but one person, and what stands in the place of each; whoever else has that person's name has none."""

    directory: Directory
    person: str
    name: str
    role: Callable[[str], str]
    known: dict[str, str] = field(default_factory=dict)

    @cached_property
    def own(self) -> Words:
        return _words(self.name)

    def reduced(self, table: pa.Table) -> tuple[pa.Table, int]:
        """Return the events with roles in place of names, and in how many fields something was replaced."""
        replaced = 0
        for name in COLUMNS:
            if name in table.column_names and table[name].null_count < len(table):
                table, count = self._column(table, name)
                replaced += count
        return table, replaced

    def named(self, texts: Iterable[str]) -> bool:
        """Return whether any of the texts names a colleague."""
        return any(self.text(text) != text for text in texts)

    def _column(self, table: pa.Table, name: str) -> tuple[pa.Table, int]:
        column = encoded(table[name])
        texts = column.dictionary.to_pylist()
        shown = [self.text(text) for text in texts]
        changed = {place for place, (text, after) in enumerate(zip(texts, shown, strict=True)) if text != after}
        if not changed:
            return table, 0
        place, kind = table.schema.get_field_index(name), table.schema.field(name)
        told = pa.DictionaryArray.from_arrays(column.indices, pa.array(shown, pa.string())).cast(pa.string())
        count = sum(1 for each in column.indices.to_pylist() if each in changed)
        return table.set_column(place, kind.name, told), count

    def text(self, text: str) -> str:
        """Return one text with roles in place of names; each is looked at once."""
        if text not in self.known:
            self.known[text] = self._text(text)
        return self.known[text]

    def _text(self, text: str) -> str:
        if not ESCAPED.search(text):
            return self._plain(text)
        read = unquote(text)
        shown = self._plain(read)
        # What names nobody stays as it was to the letter, however it was escaped.
        return text if shown == read else quote(shown, safe="/:?#[]@!$&'()*+,;=~ ")

    def _plain(self, text: str) -> str:
        text = ADDRESS.sub(lambda found: self._address(found.group()), text)
        found = list(WORD.finditer(text))
        words = [each.group().casefold() for each in found]
        parts, at, place = [], 0, 0
        while place < len(words):
            way = self._way(words, place)
            if way is None:
                place += 1
                continue
            parts += [text[at : found[place].start()], f"[{self.role(way[1])}]"]
            place += len(way[0])
            at = found[place - 1].end()
        return "".join([*parts, text[at:]]) if parts else text

    def _address(self, text: str) -> str:
        who = self.directory.addresses.get(text.casefold(), self.person)
        return text if who == self.person else f"[{self.role(who)}]"

    def _way(self, words: Sequence[str], place: int) -> tuple[Words, str] | None:
        """Return the longest way to write somebody's name that begins here; what names the person stays."""
        for way, who in self.directory.names.get(words[place], ()):
            if tuple(words[place : place + len(way)]) == way and who != self.person and way != self.own:
                return way, who
        return None


def _words(name: str) -> Words:
    return tuple(each.casefold() for each in WORD.findall(name))


def _ways(words: Words) -> set[Words]:
    """Return how a name is written: whole, the first and the last alone, and the last before the others."""
    if len(words) < 2:
        return set()
    return {words, (words[0], words[-1]), (words[-1], words[0]), (words[-1], *words[:-1])}
