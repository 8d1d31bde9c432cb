"""Pages about connected systems: where each is told, what was tried, and to tell it once more. They name no person."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Prefetch, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from portal.http import page_number, pager, rule
from portal.outbox import ports, webhooks
from portal.outbox.models import Attempt, Delivery, Endpoint
from portal.outbox.values import TELLS_AN_ANSWER, Course, Off, Told
from portal.people.guards import actor_of

PAGE = 25
MANAGES = rule("perm:clients.manage")


@require_safe
@MANAGES
def endpoints(request: HttpRequest) -> HttpResponse:
    waiting = Count("deliveries", filter=Q(deliveries__state=Course.WAITING))
    shown = [_named(each) for each in Endpoint.objects.annotate(waiting=waiting)]
    return render(request, "oversight/endpoints.html", {"endpoints": shown})


@require_safe
@MANAGES
def endpoint(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    found, number = get_object_or_404(Endpoint, pk=endpoint_id), page_number(request.GET)
    start = (number - 1) * PAGE
    rows = list(_log(found)[start : start + PAGE + 1])
    if number > 1 and not rows:
        raise Http404
    text = _("Page %(page)d") % {"page": number}
    shown = {
        "endpoint": _named(found),
        "events": [Told(each).label for each in found.events],
        "log": rows[:PAGE],
        # When an answer was told says when it was given: of these the page shows the day alone.
        "by_day": TELLS_AN_ANSWER,
        "failed": found.deliveries.filter(state=Course.FAILED).count(),  # type: ignore[attr-defined]
        "waiting": found.deliveries.waiting().count(),  # type: ignore[attr-defined]
        "pager": pager(request.GET, number, more=len(rows) > PAGE, text=text),
    }
    return render(request, "oversight/endpoint.html", shown)


def _log(found: Endpoint) -> list[Delivery]:
    attempts = Prefetch("attempts", Attempt.objects.order_by("-at", "-pk"), to_attr="log")
    return found.deliveries.prefetch_related(attempts)  # type: ignore[attr-defined]


def _named(found: Endpoint) -> Endpoint:
    """Say whose it is, and of the address only the host: the rest may hold what should stay with its operator."""
    found.program = ports.installed.programs.name(found.client_id)  # type: ignore[attr-defined]
    found.host = urlsplit(found.url).netloc  # type: ignore[attr-defined]
    return found


@require_POST
@MANAGES
def replay(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """Tell once more: the delivery that the form names, or every one that was given up."""
    found = get_object_or_404(Endpoint, pk=endpoint_id)
    log = Delivery.objects.filter(endpoint=found)
    one = _uuid(request.POST.get("delivery", ""))
    wanted = log.filter(pk=one) if one else log.filter(state=Course.FAILED)
    count = webhooks.replay(deliveries=list(wanted.values_list("pk", flat=True)), by=actor_of(request))
    if count:
        messages.success(request, _("It is told again, under the same ids."))
    else:
        messages.warning(request, _("Nothing was told again: it waits already, or the endpoint is off."))
    return redirect("endpoint", endpoint_id=found.pk)


def _uuid(text: str) -> UUID | None:
    """Return None for an empty text; raises Http404 for what is no id."""
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise Http404 from error


@require_POST
@MANAGES
def switch(request: HttpRequest, endpoint_id: UUID) -> HttpResponse:
    """Switch an endpoint off, or on again where it is off."""
    found, by = get_object_or_404(Endpoint, pk=endpoint_id), actor_of(request)
    try:
        if not found.off:
            webhooks.disable(endpoint=found, why=Off.OPERATOR, by=by)
        elif request.POST.get("on"):
            webhooks.enable(endpoint=found, by=by)
    except webhooks.NotPossible as error:
        messages.error(request, str(error))
    return redirect("endpoint", endpoint_id=found.pk)
