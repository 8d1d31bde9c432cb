"""The same asked twice: which open request answers a new one too, and what becomes of it when that one is taken back.

The state of what was joined follows by a trigger of the database, so that no way of ending the first forgets the rest.
"""

from __future__ import annotations

from typing import Any

from consent.values import Scope
from portal.planned import planned
from portal.rights.models import SubjectRequest
from portal.rights.values import CLOSED_STATES, UNDECIDED_STATES, Kind, OpenedBy, State, StepState

# Corrections, complaints and objections say different things about the same data, so each is answered for itself.
JOINABLE = frozenset({Kind.ACCESS, Kind.PORTABILITY, Kind.ERASURE, Kind.RESTRICTION})
STILL_OPEN = "SELECT 1 FROM rights_subjectrequest WHERE subject_id = %s AND kind = %s AND state <> ALL (%s) LIMIT 1"
JOINED = "SELECT opener_id FROM rights_subjectrequest WHERE joined_to_id = %s AND state <> %s"
NARROWS = ("categories", "sources", "apps", "collectors")


def within(narrow: Scope, wide: Scope) -> bool:
    """Return whether all that the first means is meant by the second; another purpose is another matter."""
    if narrow.purposes != wide.purposes:
        return False
    return _sets_within(narrow, wide) and _times_within(narrow, wide)


def _sets_within(narrow: Scope, wide: Scope) -> bool:
    for name in NARROWS:
        inner, outer = getattr(narrow, name), getattr(wide, name)
        if outer is not None and (inner is None or not inner <= outer):
            return False
    return True


def _times_within(narrow: Scope, wide: Scope) -> bool:
    begins = wide.from_ms is None or (narrow.from_ms is not None and narrow.from_ms >= wide.from_ms)
    ends = wide.to_ms is None or (narrow.to_ms is not None and narrow.to_ms <= wide.to_ms)
    return begins and ends


def first(wanted: SubjectRequest, at_once: bool) -> SubjectRequest | None:
    """Return the open request that answers this one too, its row locked, so that it cannot begin meanwhile.

    `at_once`: this one would begin without anybody's leave, so it waits for none that has to be decided.
    """
    if wanted.kind not in JOINABLE:
        return None
    if not planned("daylight_same", ("uuid", "text", "text[]"), STILL_OPEN, _named_by(wanted)):
        return None
    same = {
        name: getattr(wanted, name) for name in ("kind", "subject_id", "account", "purpose_key", "format", "not_before")
    }
    open_ones = SubjectRequest.objects.select_for_update().open().filter(joined_to=None, **same)
    fits = (each for each in open_ones.order_by("opened_at") if _answers(each, wanted, at_once))
    return next(fits, None)


def _named_by(wanted: SubjectRequest) -> list[Any]:
    return [wanted.subject_id, wanted.kind, [str(each) for each in CLOSED_STATES]]


def _answers(found: SubjectRequest, wanted: SubjectRequest, at_once: bool) -> bool:
    if at_once and found.state in UNDECIDED_STATES:
        return False
    if not within(wanted.wanted, found.wanted):
        return False
    if wanted.is_copy:
        return _same_copy(found, wanted)
    return _not_begun(found) and _asks_for_nothing_later(wanted, found)


def _same_copy(found: SubjectRequest, wanted: SubjectRequest) -> bool:
    """A program fetches what it asked for and nothing wider, and uses up nobody else's downloads."""
    by_program = OpenedBy.CLIENT in {found.opened_by, wanted.opened_by}
    if by_program and found.opener_id != wanted.opener_id:
        return False
    return not by_program or found.scope == wanted.scope


def _not_begun(found: SubjectRequest) -> bool:
    """What came in since its fence went up, it does not delete."""
    return not found.steps.filter(name="fence").exclude(state=StepState.PENDING, cursor={}).exists()


def _asks_for_nothing_later(wanted: SubjectRequest, found: SubjectRequest) -> bool:
    """The same scope takes what came in since as well (`asked_ms`); a narrower one must not widen the other's time."""
    ends = wanted.wanted.to_ms
    return wanted.scope == found.scope or (ends is not None and ends <= found.asked_ms)


def follow(wanted: SubjectRequest, lead: SubjectRequest) -> None:
    """Make a request that is not saved yet stand where its lead stands."""
    wanted.joined_to = lead
    wanted.state, wanted.reason, wanted.reason_code = lead.state, lead.reason, lead.reason_code


def heir_of(taken_back: SubjectRequest) -> SubjectRequest | None:
    """Give the others that were joined a lead of their own, and return it: nobody takes back what another asked for."""
    others = taken_back.joined.select_for_update().exclude(state=State.WITHDRAWN).order_by("received", "opened_at")
    heir = others.first()
    if heir is None:
        return None
    others.exclude(pk=heir.pk).update(joined_to=heir)
    heir.joined_to = None
    return heir


def openers(request: SubjectRequest) -> set[str]:
    """Return who asked for it: its own opener, and those of the requests that stand as it stands."""
    return {request.opener_id, *_joined(request)}


def every(request: SubjectRequest) -> list[SubjectRequest]:
    """Return a request and those joined to it that stand as it stands."""
    return [request, *(request.joined.exclude(state=State.WITHDRAWN) if _joined(request) else ())]


def _joined(request: SubjectRequest) -> list[str]:
    """Return who opened what was joined to it: nearly always nobody, and this is asked at the end of each request."""
    rows = planned("daylight_openers", ("uuid", "text"), JOINED, [request.pk, State.WITHDRAWN])
    return [opener for (opener,) in rows]
