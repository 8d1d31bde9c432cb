"""Who looked: every look through Daylight at single records of one's data, refused ones too."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from portal.audit.models import Act
from portal.audit.words import look
from portal.http import page_number, pager, rule

PAGE = 50


@require_safe
@rule("signed_in")
def who_looked(request: HttpRequest) -> HttpResponse:
    number = page_number(request.GET)
    start = (number - 1) * PAGE
    found = list(Act.objects.for_subject(request.user.pk).looks().newest_first()[start : start + PAGE + 1])
    if number > 1 and not found:
        raise Http404
    text = _("Page %(page)d") % {"page": number}
    shown = {
        "looks": [look(act) for act in found[:PAGE]],
        "pager": pager(request.GET, number, more=len(found) > PAGE, text=text),
    }
    return render(request, "audit/who_looked.html", shown)
