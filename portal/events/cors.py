"""Which other web origins may call: pages that run the collector of a source, at the addresses that it needs.

Everything else answers to our own pages alone. An origin may do so where a live source lists it, and only for the
sources that list it; cookies are never part of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from portal.http import problem
from portal.register.models import Source

# Where a collector calls, and how.
ADDRESSES = (
    (re.compile(r"/api/v1/batches/[0-9a-fA-F-]{36}"), "PUT"),
    (re.compile(r"/api/v1/permissions"), "GET"),
    (re.compile(r"/identity/o/api/device/code"), "POST"),
    (re.compile(r"/identity/o/api/token"), "POST"),
)
JOINING = "/identity/"
CLIENT = "collector-"
SENT = "Authorization, Content-Encoding, Content-Type, If-None-Match"
READ = "ETag, Retry-After"
PREFLIGHT_SECONDS = "600"


class CollectorOrigins:
    """Lets pages of listed origins call as collectors, and refuses collectors on pages of others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        method = _method(request.path)
        if not method:
            return self.get_response(request)
        origin = request.headers.get("Origin", "")
        response = self._answer(request, origin, method) if _is_foreign(request, origin) else self.get_response(request)
        # Also without an origin: what is kept of the one answer must not be given for the other.
        patch_vary_headers(response, ("Origin",))
        return response

    def _answer(self, request: HttpRequest, origin: str, method: str) -> HttpResponse:
        listed = _listing(origin)
        if request.method == "OPTIONS" and listed:
            response = HttpResponse(status=HTTPStatus.NO_CONTENT, headers=_preflight(method))
        elif not _is_collector(request):
            return self.get_response(request)
        elif not _may_call(request, listed):
            response = problem(403, "origin_not_listed", "The source does not list the origin of this page.")
        else:
            # The source is named in the body: who reads it holds the token against this.
            request.sources_of_origin, request.origin_of_page = listed, origin  # type: ignore[attr-defined]
            response = self.get_response(request)
        if listed:
            response["Access-Control-Allow-Origin"] = origin
            response["Access-Control-Expose-Headers"] = READ
        return response


def _method(path: str) -> str:
    return next((method for address, method in ADDRESSES if address.fullmatch(path)), "")


def _is_foreign(request: HttpRequest, origin: str) -> bool:
    """Programs name no origin; browsers do, for each call that another origin makes."""
    return bool(origin) and origin != f"{request.scheme}://{request.get_host()}"


def _listing(origin: str) -> frozenset[str]:
    found = Source.objects.live().filter(origins__contains=[origin])
    return frozenset(found.values_list("key", flat=True))


def _is_collector(request: HttpRequest) -> bool:
    """All kinds of programs get their tokens at the same address; what is no collector is answered as ever."""
    if request.method == "OPTIONS":
        return False
    return not request.path.startswith(JOINING) or request.POST.get("client_id", "").startswith(CLIENT)


def _may_call(request: HttpRequest, listed: frozenset[str]) -> bool:
    if request.path.startswith(JOINING):
        return request.POST["client_id"].removeprefix(CLIENT) in listed
    return bool(listed)


def _preflight(method: str) -> dict[str, str]:
    return {
        "Access-Control-Allow-Methods": method,
        "Access-Control-Allow-Headers": SENT,
        "Access-Control-Max-Age": PREFLIGHT_SECONDS,
    }
