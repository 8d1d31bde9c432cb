"""How a request stands, as OpenDSR says it: the body of an answer, and of what a controller is told."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from portal.people.subjects import find
from portal.rights.models import SubjectRequest
from portal.rights.opendsr.models import Asked
from portal.rights.opendsr.values import VERSION
from portal.rights.values import State


def stamp(at: datetime) -> str:
    """Write a time as RFC 3339 has it."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def common(asked: Asked) -> dict[str, Any]:
    return {"controller_id": asked.client_id, "subject_request_id": str(asked.subject_request_id)}


def due(request: SubjectRequest) -> str:
    """Return the end of the last day, where the person is."""
    employee = find(request.subject_id)
    zone = ZoneInfo(employee.time_zone if employee else "UTC")
    return stamp(datetime.combine(request.due, time(23, 59, 59), zone))


def standing(asked: Asked) -> dict[str, Any]:
    return {
        **common(asked),
        "expected_completion_time": due(asked.request),
        "request_status": asked.status.value,
        "api_version": VERSION,
        **_results(asked.request),
    }


def _results(request: SubjectRequest) -> dict[str, str]:
    """Say where a copy is fetched, with the scope `bundles.read`, while it is there."""
    if not request.is_copy or request.state not in {State.READY, State.DELIVERED}:
        return {}
    # What was asked twice is answered by the first.
    answers = request.joined_to_id or request.pk
    return {"results_url": f"{settings.ORIGIN}/api/v1/subject-requests/{answers}/bundle"}
