"""Says beforehand what a request would do: what would go, stay, stop or be handed over, and why."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from consent import gate
from consent.models import Purpose
from consent.values import Grant, Scope, milliseconds
from portal.events import rewrite
from portal.register.models import Source
from portal.rights import holding, recipients
from portal.rights.choices.cards import Reach
from portal.rights.choices.reading import COUNTED_AT_ONCE, reach_of
from portal.rights.holds.reading import split
from portal.rights.values import KEPT, KEPT_FOR_OTHERS, DryRun, Kind

EVERYTHING = Scope()


@dataclass(frozen=True)
class Stops:
    """What a restriction would do: how much is out of use, what is no longer taken, and who is told."""

    counted: Counter[str]
    exact: bool
    collection: list[tuple[str, list[Reach]]]
    told: tuple[str, ...]


@dataclass(frozen=True)
class Holds:
    """What would be in a copy: events by category, and what stands beside them."""

    counted: Counter[str]
    exact: bool
    beside: list[str]


def weigh(subject_id: UUID, scope: Scope) -> tuple[Counter[str], bool]:
    """Return how many events a scope means, and whether that is counted: beyond some, opening them takes too long."""
    now_ms = milliseconds(timezone.now())
    if rewrite.to_be_opened(subject_id, scope, now_ms) > COUNTED_AT_ONCE:
        return rewrite.at_most(subject_id, scope), False
    return rewrite.count_matching(subject_id, scope, now_ms), True


def erasure(subject_id: UUID, scope: Scope = EVERYTHING) -> DryRun:
    """Say what an erasure asked now would take, what would stay and why, and who would be told."""
    holds = holding.would_stay(subject_id, scope)
    rest = split(scope, holds)
    goes, exact = weigh(subject_id, rest) if rest else (Counter(), True)
    held = holding.held_rows(holds)
    told = tuple(each.name for each in recipients.touched(subject_id, scope))
    return DryRun(goes=goes, stays=[*kept(scope), *held], exact=exact, told=told)


def kept(scope: Scope) -> list[tuple[str, str]]:
    rows = KEPT if scope.purposes is None else (*KEPT, KEPT_FOR_OTHERS)
    return [(str(text), code) for text, code in rows]


def restriction(subject_id: UUID, scope: Scope) -> Stops:
    counted, exact = weigh(subject_id, scope)
    told = tuple(each.name for each in recipients.touched(subject_id, scope))
    return Stops(counted, exact, _stopping(subject_id, scope), told)


def _stopping(subject_id: UUID, scope: Scope) -> list[tuple[str, list[Reach]]]:
    """Return by purpose what would no longer be taken; nothing where a stretch of the past is meant."""
    state = gate.read(subject_id)
    if state is None or (scope.to_ms is not None and scope.to_ms <= milliseconds(timezone.now())):
        return []
    grants = {key: grant for key, grant in state.grants.items() if scope.concerns(key)}
    titles = dict(Purpose.objects.filter(pk__in=grants).values_list("key", "title"))
    sources = {source.key: source for source in Source.objects.live()}
    found = ((titles[key], reach_of(_narrowed(grant, scope), sources)) for key, grant in sorted(grants.items()))
    return [(title, reach) for title, reach in found if reach]


def _narrowed(grant: Grant, scope: Scope) -> dict[str, frozenset[str]]:
    return {
        source: named if scope.categories is None else named & scope.categories
        for source, named in grant.covers.items()
        if scope.sources is None or source in scope.sources
    }


def copy(subject_id: UUID, kind: str, scope: Scope) -> Holds:
    """Say what would be in a copy; what another service takes is what rests on consent or contract alone."""
    counted, exact = weigh(subject_id, scope)
    if kind == Kind.PORTABILITY:
        return Holds(counted, False, [_("what each field means, for the program that reads it")])
    return Holds(
        counted,
        exact,
        [
            _("why each kind is collected, for how long, and who receives it"),
            _("every decision of yours, with its receipt"),
            _("who looked, when and why"),
            _("what was counted on each day, and what was dropped"),
            _("your entry in the directory, your requests, and what was disputed or restricted"),
        ],
    )
