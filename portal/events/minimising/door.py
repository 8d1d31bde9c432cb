"""What passes the door of a source for one person: whose apps, and how much of their titles and addresses.

The stricter counts of the rules that stand there now and of those that the person answered.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Collection
from functools import lru_cache
from typing import NamedTuple

from consent import door as rules
from consent.door import Redaction
from consent.values import GateState, Rules
from portal.events.minimising import titles, urls
from portal.register.models import Source

NONE: frozenset[str] = frozenset()


class Passing(NamedTuple):
    """How an app stands: out for every purpose, or out for those alone that were answered under stricter lists."""

    hidden: bool = False
    unlisted: bool = False
    shut: frozenset[str] = NONE
    out: frozenset[str] = NONE

    def join(self, other: Passing) -> Passing:
        """Return what holds where both have a say."""
        return Passing(
            self.hidden or other.hidden,
            self.unlisted or other.unlisted,
            self.shut | other.shut,
            self.out | other.out,
        )


@lru_cache(maxsize=4096)
def folded(app: str) -> str:
    """Return a name as it is compared with what is blocked: however it is spelt, it is the same app."""
    plain = unicodedata.normalize("NFKC", app).casefold().strip()
    return plain.removesuffix(".exe").strip()


class Cutter:
    """Cuts texts by one set of rules, each different one once in a batch."""

    def __init__(self, redaction: Redaction) -> None:
        self._rules = redaction
        self._titles: dict[tuple[str, str | None], str] = {}
        self._urls: dict[str, str] = {}

    def title(self, text: str, app: str | None) -> str:
        found = self._titles.get((text, app))
        if found is None:
            said = self._rules.title_of(app)
            found = self._titles[text, app] = titles.clean(text, said, self._rules.urls)
        return found

    def url(self, text: str) -> str:
        found = self._urls.get(text)
        if found is None:
            found = self._urls[text] = urls.cut(text, self._rules.urls)
        return found


class Door:
    """Asked for each app and each set of purposes once."""

    def __init__(self, state: GateState, source: Source) -> None:
        answered = {
            purpose: grant.rules[source.key]
            for purpose, grant in state.grants.items()
            if grant.rules and source.key in grant.rules
        }
        self.blocked = frozenset(source.blocked_apps)
        self.allowed = None if source.allowed_apps is None else frozenset(source.allowed_apps)
        self.mark = _mark(self.allowed)
        self.redaction = rules.read(source.redaction)
        self._blocked = frozenset(map(folded, self.blocked))
        self._freed = {purpose: self._freed_since(said) for purpose, said in answered.items()}
        lists = {purpose: said.allowed_apps for purpose, said in answered.items()}
        self._lists = {purpose: listed for purpose, listed in lists.items() if listed is not None}
        self._answered = {purpose: said.redaction for purpose, said in answered.items()}
        self._passing: dict[str, Passing] = {}
        self._cutters: dict[tuple[str, ...], Cutter] = {}

    def _freed_since(self, said: Rules) -> dict[str, str]:
        """Return the apps that were blocked when the person answered and are no longer, as they are compared."""
        return {folded(app): app for app in said.blocked_apps if folded(app) not in self._blocked}

    def passing(self, app: str) -> Passing:
        known = self._passing.get(app)
        if known is None:
            name = folded(app)
            known = self._passing[app] = Passing(
                name in self._blocked,
                self.allowed is not None and app not in self.allowed,
                frozenset(purpose for purpose, freed in self._freed.items() if name in freed),
                self.listing(app),
            )
        return known

    def listing(self, app: str) -> frozenset[str]:
        """Return the purposes that were answered under a list without this app."""
        return frozenset(purpose for purpose, listed in self._lists.items() if app not in listed)

    def blocked_for(self, purposes: Collection[str]) -> frozenset[str]:
        """Return the apps of which nothing is kept for any of these purposes."""
        freed = [set(self._freed.get(purpose, {}).values()) for purpose in purposes]
        return self.blocked | (set.intersection(*freed) if freed else set())

    def allowed_for(self, purposes: Collection[str]) -> frozenset[str] | None:
        """Return the only apps of which anything is kept for one of these purposes, None where there is no list."""
        lists = [self._lists.get(purpose) for purpose in purposes]
        answered = None if not lists or None in lists else frozenset().union(*filter(None, lists))
        if self.allowed is None or answered is None:
            return answered if self.allowed is None else self.allowed
        return self.allowed & answered

    def cutter(self, purposes: tuple[str, ...]) -> Cutter:
        """Return what cuts for all of these purposes at once: the strictest of them decides."""
        found = self._cutters.get(purposes)
        if found is None:
            said = self.redaction
            for purpose in purposes:
                said = said.meet(self._answered[purpose]) if purpose in self._answered else said
            found = self._cutters[purposes] = Cutter(said)
        return found

    def versions(self, purposes: Collection[str]) -> str:
        """Name the rules that hold for these purposes: the version that stands, and older ones that are stricter."""
        named = [purpose for purpose in self._answered if purpose in purposes and self._older(purpose)]
        older = {self._answered[purpose].version for purpose in named}
        return "+".join(map(str, [self.redaction.version, *sorted(older - {self.redaction.version})]))

    def _older(self, purpose: str) -> bool:
        """Return whether this purpose was answered under rules that are stricter in anything."""
        listed = self._lists.get(purpose)
        fewer = listed is not None and (self.allowed is None or not self.allowed <= listed)
        return fewer or bool(self._freed[purpose]) or bool(self.redaction.beyond(self._answered[purpose]))


def _mark(allowed: frozenset[str] | None) -> str:
    """Tell lists apart where the names in them shall not be kept."""
    return "" if allowed is None else hashlib.sha256("\0".join(sorted(allowed)).encode()).hexdigest()[:8]
