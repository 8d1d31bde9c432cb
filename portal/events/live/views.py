"""The live page: what arrives of oneself now; it asks anew every two seconds, and is told where nothing changed."""

from __future__ import annotations

import hashlib
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_safe

from consent.values import milliseconds
from portal.events.live import pages, since
from portal.events.seen import note
from portal.people.guards import own_page

HOUR = 60 * 60 * 1000


@require_safe
@own_page
def live(request: HttpRequest, *, subject_id: UUID) -> HttpResponse:
    """The page, or to htmx the part of it that changes: 204 where it is as it was."""
    now = milliseconds(timezone.now())
    known = since.read(subject_id, request.GET.get("since", ""))
    if known is None or known.at // HOUR != now // HOUR:
        note(request, subject_id, timezone.localdate(), "live")
    before = known or pages.began(subject_id, now)
    shown, after = pages.look(request.user, before, now)
    text = render_to_string("events/_arrivals.html", {"live": shown, "user": request.user}, request)
    after = msgspec.structs.replace(after, said=_digest(shown.headline + shown.tone), shown=_digest(text))
    if request.htmx and after.shown == before.shown:
        return HttpResponse(status=204)
    context = {
        "live": shown,
        "arrivals": text,
        "says_anew": after.said != before.said,
        "since": since.seal(subject_id, after),
    }
    return render(request, "events/_live.html" if request.htmx else "events/live.html", context)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
