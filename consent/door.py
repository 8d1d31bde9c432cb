"""How a source cuts titles and addresses before anything of it is kept: rules as JSON has them, and which are stricter.

`{"version": n, "titles": {"keep": "all" | "first_part" | "words" | "nothing", "words": [...], "apps": {app: keep}},
"urls": {"keep": "all" | "path" | "path_without_ids" | "host", "query": [...]}}`. Where nothing is said the rules that
hold for everybody do: of a title all but what looks like an address, account, card or phone number, of an address all
but names and passwords.
Pure functions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, reduce
from json import dumps, loads
from typing import Any

# From the strictest on: the host alone, the path with what looks like an id taken out, the whole path, the address.
LEVELS = ("host", "path_without_ids", "path", "all")
KEEPS = ("all", "first_part", "words", "nothing")
NO_WORDS: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Titles:
    """What of a title is kept: only what stands before its first separator, only these words; None are all words."""

    first_part: bool = False
    words: frozenset[str] | None = None

    def meet(self, other: Titles) -> Titles:
        """Return what both would keep."""
        if self.words is None or other.words is None:
            words = other.words if self.words is None else self.words
        else:
            words = self.words & other.words
        return Titles((self.first_part or other.first_part) and words != NO_WORDS, words)


NO_TITLE = Titles(words=NO_WORDS)


@dataclass(frozen=True)
class Urls:
    """What of an address is kept beside its host; `query` are the parameters that stay where others are cut."""

    keep: str = "all"
    query: frozenset[str] = NO_WORDS

    def meet(self, other: Urls) -> Urls:
        """Return what both would keep."""
        if "all" in (self.keep, other.keep):
            return other if self.keep == "all" else self
        return Urls(min(self.keep, other.keep, key=LEVELS.index), self.query & other.query)


@dataclass(frozen=True)
class Redaction:
    """Titles in general, in the apps that are named, and addresses."""

    titles: Titles = Titles()
    apps: Mapping[str, Titles] = field(default_factory=dict)
    urls: Urls = Urls()
    version: int = 0

    def title_of(self, app: str | None) -> Titles:
        """Return the rule for the titles of an app; of one that is not known, what holds in every app."""
        if app is None:
            return reduce(Titles.meet, self.apps.values(), self.titles)
        return self.apps.get(app, self.titles)

    def meet(self, other: Redaction) -> Redaction:
        """Return the stricter of both in everything, under this one's version."""
        named = {app: self.title_of(app).meet(other.title_of(app)) for app in {*self.apps, *other.apps}}
        return Redaction(self.titles.meet(other.titles), named, self.urls.meet(other.urls), self.version)

    def beyond(self, other: Redaction) -> list[str]:
        """Return of what this keeps more than the other: `titles`, `urls`, both or nothing; versions do not count."""
        both = self.meet(other)
        apps = [None, *self.apps, *other.apps]
        more = {
            "titles": both.titles != self.titles or any(both.title_of(app) != self.title_of(app) for app in apps),
            "urls": both.urls != self.urls,
        }
        return [name for name, said in more.items() if said]


DEFAULT = Redaction()


def read(said: Mapping[str, Any] | None) -> Redaction:
    """Return rules as JSON has them; what is not said is as for everybody."""
    return _read(dumps(said, sort_keys=True)) if said else DEFAULT


@lru_cache(maxsize=256)
def _read(text: str) -> Redaction:
    said = loads(text)
    titles, urls = said.get("titles", {}), said.get("urls", {})
    words = titles.get("words", ())
    return Redaction(
        _titles(titles.get("keep", "all"), words),
        {app: _titles(keep, words) for app, keep in titles.get("apps", {}).items()},
        _urls(urls.get("keep", ""), urls.get("query", ())),
        int(said.get("version", 0)),
    )


def _urls(keep: str, query: Iterable[str]) -> Urls:
    named = frozenset(each.casefold() for each in query)
    return Urls(keep or ("path" if named else "all"), named)


def _titles(keep: str, words: Iterable[str]) -> Titles:
    if keep == "words":
        return Titles(words=frozenset(word.casefold() for word in words))
    return {"all": Titles(), "first_part": Titles(first_part=True)}.get(keep, NO_TITLE)
