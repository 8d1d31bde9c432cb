"""What a copy holds of this part: stretches that are disputed or restricted, and who was told of what."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from portal.events import restricting
from portal.rights import recipients
from portal.rights.models import SubjectRequest
from portal.rights.redress.values import About
from portal.rights.values import Kind, State

Row = dict[str, Any]


def disputes(subject_id: UUID) -> list[Row]:
    """Return every note of dispute that the person has not taken back: it goes wherever the events go."""
    held = {each.key for each in restricting.standing(subject_id)}
    mine = SubjectRequest.objects.for_subject(subject_id).filter(kind=Kind.RECTIFICATION)
    return [
        {
            "request": str(each.pk),
            "state": each.state,
            "received": each.received.isoformat(),
            "scope": each.scope,
            "wrong": each.details.get("wrong", ""),
            "note": each.details.get("text", ""),
            "out_of_use": str(each.pk) in held,
        }
        for each in mine.exclude(state=State.WITHDRAWN).order_by("received")
        if each.details.get("about") == About.EVENTS
    ]


def told(subject_id: UUID) -> list[Row]:
    return recipients.of_person(subject_id)
