"""The page of a notice: each version for good, and what differs between two."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from portal.http import FAR, rule
from portal.rights.choices import notices


@require_safe
@rule("signed_in")
def notice(request: HttpRequest, purpose_key: str, version: int) -> HttpResponse:
    """The full text of one version, for good: a decision names the version that it was made on."""
    language = request.GET.get("language") or get_language() or "en"
    page = notices.page(purpose_key, version, language, _since(request)) if version < FAR else None
    if page is None:
        raise Http404
    return render(request, "choices/notice.html", {"page": page, "notice": page.notice})


def _since(request: HttpRequest) -> int | None:
    """Return the version to compare with; what is no number is nothing to compare with."""
    sent = request.GET.get("since", "")
    return int(sent) if sent.isascii() and sent.isdecimal() and len(sent) <= len(str(FAR)) else None


@require_safe
@rule("signed_in")
def moved(request: HttpRequest, purpose_key: str, version: int) -> HttpResponse:
    """Lead on from the address that earlier pages and saved links name."""
    return HttpResponsePermanentRedirect(reverse("notice", args=[purpose_key, version]))
