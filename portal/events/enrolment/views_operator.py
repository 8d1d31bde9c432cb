"""What operators see of collectors: each by its number, how it stands and how it joined, and never whose it is."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from portal.events.enrolment import actions
from portal.events.enrolment.models import Collector
from portal.events.enrolment.reading import how_words, state_words
from portal.http import page_number, pager, rule
from portal.people.guards import actor_of
from portal.register.models import Source

PAGE = 50


@require_safe
@rule("perm:sources.operate")
def collectors(request: HttpRequest) -> HttpResponse:
    number = page_number(request.GET)
    # By number, which was drawn: an order of joining would tell who is new.
    found = Paginator(Collector.objects.running().order_by("pk"), PAGE).get_page(number)
    titles = dict(Source.objects.values_list("key", "title"))
    rows = [(each.pk, titles.get(each.source, each.source), state_words(each), how_words(each)) for each in found]
    text = _("%(count)s collectors") % {"count": f"{found.paginator.count:,}"}
    shown = {"rows": rows, "pager": pager(request.GET, number, more=found.has_next(), text=text)}
    return render(request, "enrolment/collectors.html", shown)


@require_POST
@rule("perm:sources.operate")
def remove(request: HttpRequest, collector: UUID) -> HttpResponse:
    """Take its access from one that was lost: whose it is sees that an operator did."""
    actions.end(collector=get_object_or_404(Collector, pk=collector), by=actor_of(request))
    messages.success(request, _("Removed. It has no access any more, from this moment on."))
    return redirect("collectors")
