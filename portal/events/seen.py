"""Writes down that a person looked at their own single records: an act without leaf, one per view and hour."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.http import HttpRequest

from portal.audit import trail
from portal.audit.values import Action
from portal.people.guards import actor_of


def note(request: HttpRequest, subject_id: UUID, day: date, view: str = "") -> None:
    """Call it before anything is opened."""
    trail.record(
        Action.DATA_VIEWED,
        actor=actor_of(request, about=subject_id),
        subject_id=subject_id,
        facts={"day": day.isoformat(), **({"view": view} if view else {})},
        once=trail.hourly(Action.DATA_VIEWED, subject_id, day, *filter(None, [view])),
    )
