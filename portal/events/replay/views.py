"""A stretch of one's own day played back: where the pointer went, what it pressed, how it scrolled."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.events.openday import open_day
from portal.events.replay import pages, points
from portal.events.replay.points import Cursor
from portal.events.seen import note
from portal.events.timeline.card import app_name
from portal.people.guards import own_page

VIEW = "replay"


@require_safe
@own_page
def replay(request: HttpRequest, *, subject_id: UUID, day: date) -> HttpResponse:
    """The player, and the same as a table; the look is written down before anything is opened."""
    note(request, subject_id, day, VIEW)
    return render(request, "events/replay.html", pages.page(request.user, day, open_day(subject_id, day), request.GET))


@require_safe
@own_page
def stretch(request: HttpRequest, *, subject_id: UUID, day: date) -> JsonResponse:
    """Some points of a stretch, for the player."""
    note(request, subject_id, day, VIEW)
    opened = open_day(subject_id, day)
    span = pages.stretch(request.GET, pages.day_span(request.user, day, opened))
    found = points.portion(opened, span, Cursor.read(request.GET.get("after", "")))
    return JsonResponse(
        {
            "from": span[0],
            "until": span[1],
            "next": str(found.next) if found.next else None,
            "areas": [area.to_json() for area in found.areas],
            "apps": [app_name(app) for app in found.apps],
            "points": found.points,
        }
    )
