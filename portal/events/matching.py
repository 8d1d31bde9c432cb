"""Which of a day's events lie in a scope: one rule for fences and erasures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from consent.values import AGED, Fence, GateState, Scope
from portal.events.values import CONTENT, UNKNOWN_APP

Mask = Any  # a pyarrow array of booleans; the stubs have no name for it


@dataclass(frozen=True)
class Match:
    """Which events go whole, of which others the typed character goes, and which stay for other purposes alone."""

    gone: Mask
    stripped: Mask
    freed: Mask
    freed_character: Mask


def fenced(table: pa.Table, state: GateState) -> bool:
    """Whether an erasure that was asked for, or an end that has come, has something here still to take out."""
    return any(_reaches(table, fence) for fence in state.fences)


def _reaches(table: pa.Table, fence: Fence) -> bool:
    found = match(table, fence.scope, fence.asked_ms)
    # What no longer serves one purpose and not yet all of them is written anew as well.
    also = (found.freed, found.freed_character) if fence.key.startswith(AGED) else ()
    return any(count(each) for each in (found.gone, found.stripped, *also))


def match(table: pa.Table, scope: Scope, asked_ms: int) -> Match:
    about = _about(table, scope, asked_ms)
    nothing = pc.and_(about, False)
    events = pc.and_(about, _of_category(table, scope))
    characters = nothing if scope.categories and CONTENT not in scope.categories else about
    characters = pc.and_(characters, pc.is_valid(table["key"]))
    for kept in scope.without:
        here = _within(table, kept)
        events = pc.and_(events, pc.invert(pc.and_(here, _of_category(table, kept))))
        if kept.categories is None or CONTENT in kept.categories:
            characters = pc.and_(characters, pc.invert(here))
    gone = pc.and_(events, _all_within(table["purposes"], scope))
    left = pc.and_(characters, pc.invert(gone))
    stripped = pc.and_(left, _all_within(table["key_purposes"], scope))
    if scope.purposes is None:
        return Match(gone, stripped, nothing, nothing)
    freed = pc.and_(pc.and_(events, pc.invert(gone)), _some_within(table["purposes"], scope.purposes))
    left = pc.and_(left, pc.invert(stripped))
    return Match(gone, stripped, freed, pc.and_(left, _some_within(table["key_purposes"], scope.purposes)))


def _about(table: pa.Table, scope: Scope, asked_ms: int) -> Mask:
    """Leave category and purposes open; what was observed after the asking is collected anew, and stays."""
    return pc.and_(pc.less(table["t"], asked_ms), _within(table, scope))


def _of_category(table: pa.Table, scope: Scope) -> Mask:
    every = pc.is_valid(table["t"])
    return every if scope.categories is None else _among(table["category"], scope.categories)


def _within(table: pa.Table, scope: Scope) -> Mask:
    about = pc.is_valid(table["t"])
    if scope.from_ms is not None:
        about = pc.and_(about, pc.greater_equal(table["t"], scope.from_ms))
    if scope.to_ms is not None:
        about = pc.and_(about, pc.less(table["t"], scope.to_ms))
    if scope.sources is not None:
        about = pc.and_(about, _among(table["source"], scope.sources))
    if scope.collectors is not None:
        about = pc.and_(about, _among(table["collector"], scope.collectors))
    if scope.apps is not None:
        about = pc.and_(about, _among(apps(table), scope.apps))
    return about


def apps(table: pa.Table) -> Any:
    """Return the app of each event: the one it names, else the one in front, else none that is known."""
    return pc.coalesce(table["app"], table["in_app"], pa.scalar(UNKNOWN_APP))


def _all_within(column: Any, scope: Scope) -> Mask:
    """Whether everything that an event is kept for is in the scope: else another purpose still covers it."""
    if scope.purposes is None:
        return pc.or_(pc.is_valid(column), pa.scalar(True))
    sets = [text for text in pc.unique(column).to_pylist() if text and set(text.split(",")) <= scope.purposes]
    return pc.is_in(column, value_set=pa.array(sets, pa.string()))


def _some_within(column: Any, purposes: frozenset[str]) -> Mask:
    """Whether an event is kept for one of these purposes among others."""
    sets = [text for text in pc.unique(column).to_pylist() if text and not purposes.isdisjoint(text.split(","))]
    return pc.is_in(column, value_set=pa.array(sets, pa.string()))


def _among(column: Any, values: frozenset[str]) -> Mask:
    return pc.is_in(column, value_set=pa.array(sorted(values), pa.string()))


def count(mask: Mask) -> int:
    return pc.sum(mask).as_py() or 0


def what_stays(table: pa.Table, found: Match, scope: Scope) -> pa.Table:
    """Return the events that stay, without what goes of them and no longer kept for the purposes of the scope."""
    for name in ("key", "key_purposes"):
        table = _replace(table, name, pc.if_else(found.stripped, pa.scalar(None, pa.string()), table[name]))
    for name, mask in (("purposes", found.freed), ("key_purposes", found.freed_character)):
        table = _replace(table, name, pc.if_else(mask, _without(table[name], scope), table[name]))
    return table.filter(pc.invert(found.gone))


def _replace(table: pa.Table, name: str, column: Any) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)


def _without(column: Any, scope: Scope) -> Any:
    known = pc.unique(column)
    dropped = scope.purposes or frozenset()
    texts = [each and ",".join(name for name in each.split(",") if name not in dropped) for each in known.to_pylist()]
    return pc.take(pa.array(texts, pa.string()), pc.index_in(column, value_set=known))
