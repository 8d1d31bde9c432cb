"""What was allowed when: a person's own past, moment by moment."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from consent.models import Purpose
from portal.audit.models import Act
from portal.audit.values import Action
from portal.audit.words import actor
from portal.http import rule
from portal.rights.choices import explaining
from portal.rights.choices.moments import Unreadable, read_time

TURNS = (
    Action.DECISION_GIVEN,
    Action.DECISION_REFUSED,
    Action.DECISION_WITHDRAWN,
    Action.DECISION_OBJECTED,
    Action.DECISION_ACKNOWLEDGED,
    Action.COLLECTION_PAUSED,
    Action.COLLECTION_RESUMED,
    Action.COLLECTION_RESTRICTED,
    Action.RESTRICTION_LIFTED,
)
SHOWN = 20


@require_safe
@rule("signed_in")
def history(request: HttpRequest) -> HttpResponse:
    """Tell what was allowed at the time that is asked for, or now, and name the moments at which that changed."""
    asked, wrong = request.GET.get("at", ""), ""
    try:
        at = read_time(asked, timezone.get_current_timezone()) if asked else timezone.now()
    except Unreadable as error:
        at, wrong = timezone.now(), str(error)
    shown = {
        "found": explaining.explain(request.user, at),
        "local": timezone.localtime(at).strftime("%Y-%m-%dT%H:%M"),
        "latest": timezone.localtime().strftime("%Y-%m-%dT%H:%M"),
        "wrong": wrong,
        "turns": _turns(request),
    }
    return render(request, "choices/history.html", shown, status=422 if wrong else 200)


def _turns(request: HttpRequest) -> list[tuple[str, str, str, datetime, str]]:
    """Return who did what, on which purpose, when, and the address of the moment after it."""
    acts = Act.objects.for_subject(request.user.pk).filter(action__in=TURNS).newest_first()[:SHOWN]
    titles = dict(Purpose.objects.values_list("key", "title"))
    return [
        (actor(each), each.sentence, titles.get(each.facts.get("purpose"), ""), each.at, _link(each.at))
        for each in acts
    ]


def _link(at: datetime) -> str:
    """Lead to the second after something changed: by then it is so."""
    return "?" + urlencode({"at": (at + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")})
