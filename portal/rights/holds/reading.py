"""Which holds stand, and which of them touch something: asked before anything is erased."""

from __future__ import annotations

from uuid import UUID

from consent.values import Scope
from portal.planned import planned
from portal.rights.holds.models import Hold
from portal.rights.holds.values import lies_in, meet

UNRELEASED = "SELECT 1 FROM holds_hold WHERE subject_id = %s AND released_at IS NULL LIMIT 1"


def touching(subject_id: UUID, scope: Scope) -> list[Hold]:
    """Return the standing holds that keep something of the scope; not those that it leaves out already."""
    if not planned("daylight_holds", ("uuid",), UNRELEASED, [subject_id]):
        return []
    return [each for each in Hold.objects.for_subject(subject_id).standing() if _touches(each.wanted, scope)]


def _touches(held: Scope, scope: Scope) -> bool:
    return meet(held, scope) and not any(lies_in(held, without) for without in scope.without)


def split(scope: Scope, holds: list[Hold]) -> Scope | None:
    """Return the scope without what these hold; None where one of them holds all of it."""
    if any(lies_in(scope.whole, each.wanted) for each in holds):
        return None
    fresh = [each.wanted for each in holds if each.wanted not in scope.without]
    return Scope(**(vars(scope) | {"without": (*scope.without, *fresh)}))
