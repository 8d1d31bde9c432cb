"""Pages that span parts: home and health."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import InterfaceError, OperationalError, connections
from django.db.models import Case, Q, When
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import get_template
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from consent import gate, ledger
from portal.audit.models import Act
from portal.audit.words import look
from portal.events import charts, gaps, pages, words
from portal.http import rule
from portal.people.models import Employee
from portal.rights.choices import pausing
from portal.rights.choices.reading import deck
from portal.rights.choices.standing import standing
from portal.rights.holds.models import Hold
from portal.rights.models import SubjectRequest
from portal.rights.retention.reading import next_to_go
from portal.rights.values import CLOSED_STATES, State
from portal.vault.objects import Unanswered

WEEK = 7
SHOWN = 3


def site(request: HttpRequest) -> dict[str, Any]:
    """Give every template what it needs to say of this installation."""
    # Asked only by a page that shows the menu.
    pause = SimpleLazyObject(lambda: pausing.menu(request))
    return {"DEMO": settings.DEMO, "STAFF_SECOND_FACTOR": settings.STAFF_SECOND_FACTOR, "pause": pause}


@rule("public")
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when both databases answer and the ledger extends its last outside checkpoint, else 503."""
    for alias in ("default", "keys"):
        with connections[alias].cursor() as cursor:
            cursor.execute("SELECT 1")
    reason = ledger.check()
    if reason:
        return JsonResponse({"status": "closed", "reason": reason}, status=503)
    return JsonResponse({"status": "ok"})


def failed(request: HttpRequest) -> HttpResponse:
    """Answer for a mistake of ours, and for a database or vault that is away: that passes by itself, so it is 503."""
    away = isinstance(sys.exc_info()[1], OperationalError | InterfaceError | Unanswered)
    text = get_template("503.html" if away else "500.html").render()
    return HttpResponse(text, status=503, headers={"Retry-After": "5"}) if away else HttpResponse(text, status=500)


@require_safe
@rule("signed_in")
def home(request: HttpRequest) -> HttpResponse:
    """Five answers on one screen: is anything accepted now, how much was kept, why, who looked, what is due."""
    person = request.user
    found = deck(person, gate.read(person.pk), get_language() or "en")
    looks = Act.objects.for_subject(person.pk).looks().newest_first()[:SHOWN]
    context = {
        "greeting": _greeting(timezone.localtime().hour),
        "first_name": person.name.split()[0] if person.name.strip() else "",
        "standing": standing(person, found),
        "deck": found,
        "looks": [look(act) for act in looks],
        "requests": _due(person.pk),
        "next_to_go": next_to_go(person),
        "held": Hold.objects.for_subject(person.pk).standing().exists(),
    }
    return render(request, "overview/overview.html", context | _week(person))


def _greeting(hour: int) -> str:
    if 5 <= hour < 12:
        return _("Good morning")
    return _("Good afternoon") if 12 <= hour < 18 else _("Good evening")


def _due(subject_id: UUID) -> list[SubjectRequest]:
    """Return what is under way, and copies that wait to be taken."""
    mine = SubjectRequest.objects.for_subject(subject_id).prefetch_related("steps")
    found = mine.filter(~Q(state__in=CLOSED_STATES) | Q(state=State.READY))
    # What is late stands first, however long ago it was asked.
    late = Q(due__lt=timezone.localdate()) & ~Q(state__in=CLOSED_STATES)
    return list(found.order_by(Case(When(late, then=0), default=1), "-received", "-opened_at")[:SHOWN])


def _week(person: Employee) -> dict[str, Any]:
    """Return the last seven days from the roll-ups, which cost the same however much there is."""
    today = timezone.localdate()
    first = today - timedelta(days=WEEK - 1)
    days = charts.filled(pages.days_since(person.pk, first, today), first, today)
    off = gaps.gaps(person, days)
    return {
        "chart": charts.volume_chart(days, off, name="week") | {"sentence": charts.volume_note(days, off)},
        "kept": sum(map(charts.kept, days)),
        "size": words.size(sum(day.bytes for day in days)),
        "dropped": sum(map(charts.dropped, days)),
    }
