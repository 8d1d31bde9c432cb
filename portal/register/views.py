"""The register as every employee may read it: nothing is collected that does not stand here (Art. 5(1)(a))."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from portal.http import rule
from portal.register import pages
from portal.register.models import Controller, Processor


@require_safe
@rule("signed_in")
def register(request: HttpRequest) -> HttpResponse:
    shown = {
        "sources": pages.active(get_language() or "en"),
        "controller": Controller.objects.first(),
        "processors": Processor.objects.order_by("name"),
    }
    return render(request, "register/register.html", shown)
