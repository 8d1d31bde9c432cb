"""Why something may have to stay, for how long, and when two scopes meet: no database."""

from __future__ import annotations

from datetime import timedelta

from consent.values import Scope
from portal.rights.values import Refusal

# A hold ends; who still needs it renews it, and answers for it anew.
LONGEST = timedelta(days=365)
# What one person placed and nobody confirmed lapses.
UNCONFIRMED = timedelta(days=7)
# Whoever placed that may place the same again only within a day, to mend it, or so much later.
MENDED_WITHIN = timedelta(days=1)
AGAIN_AFTER = timedelta(days=90)
# What may keep data from an erasure (GDPR Art. 17(3)).
GROUNDS = (
    Refusal.LEGAL_CLAIMS,
    Refusal.LEGAL_OBLIGATION,
    Refusal.FREEDOM_OF_EXPRESSION,
    Refusal.PUBLIC_HEALTH,
    Refusal.ARCHIVAL,
)
CONTENT, TIMING = "keystroke_content", "keystroke_timing"
Names = frozenset[str] | None


def with_their_keys(scope: Scope) -> Scope:
    """Return the scope with the keystrokes that typed characters stand in: a character is nothing without its key."""
    if not scope.categories or CONTENT not in scope.categories:
        return scope
    return Scope(scope.categories | {TIMING}, *list(vars(scope).values())[1:])


def meet(one: Scope, other: Scope) -> bool:
    """Return whether anything can lie in both; purposes are left out, since a hold keeps data for all."""
    return (
        _share(one.categories, other.categories)
        and _share(one.sources, other.sources)
        and _share(one.apps, other.apps)
        and _share(one.collectors, other.collectors)
        and _before(one.from_ms, other.to_ms)
        and _before(other.from_ms, one.to_ms)
    )


def lies_in(inner: Scope, outer: Scope) -> bool:
    """Return whether all of the first lies in the second."""
    return (
        _holds(outer.categories, inner.categories)
        and _holds(outer.sources, inner.sources)
        and _holds(outer.apps, inner.apps)
        and _holds(outer.collectors, inner.collectors)
        and (outer.from_ms is None or (inner.from_ms is not None and inner.from_ms >= outer.from_ms))
        and (outer.to_ms is None or (inner.to_ms is not None and inner.to_ms <= outer.to_ms))
    )


def _share(one: Names, other: Names) -> bool:
    return one is None or other is None or bool(one & other)


def _holds(outer: Names, inner: Names) -> bool:
    return outer is None or (inner is not None and inner <= outer)


def _before(start: int | None, end: int | None) -> bool:
    return start is None or end is None or start < end
