"""A made-up web application of the demo company that runs the collector as any application of a company would."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from portal.http import rule

SOURCE = "ticket-desk-web"
APP = "Ticket desk"


@require_safe
@rule("public")
def tickets(request: HttpRequest) -> HttpResponse:
    """One form, with a password field and a part that is marked private."""
    return render(request, "demo/tickets.html", {"portal": settings.ORIGIN, "source": SOURCE, "app": APP})
