"""What follows at once when a request is granted, turned down or taken back, by its kind."""

from __future__ import annotations

from portal.audit.values import Actor
from portal.rights.models import SubjectRequest
from portal.rights.redress import rectifying, restricting
from portal.rights.values import Kind

STANDS_AT_ONCE = frozenset({Kind.RESTRICTION, Kind.RECTIFICATION})


def granted(request: SubjectRequest, by: Actor) -> None:
    if request.kind == Kind.RESTRICTION:
        restricting.begin(request)
    elif request.kind == Kind.RECTIFICATION:
        rectifying.apply(request, by)


def turned_down(request: SubjectRequest) -> None:
    """A refusal that stands: what was put out of use meanwhile comes back, after the person was told."""
    if request.kind in STANDS_AT_ONCE:
        restricting.turned_down(request)


def taken_back(request: SubjectRequest) -> None:
    if request.kind in STANDS_AT_ONCE:
        restricting.lift(request)
