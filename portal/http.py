"""What every part's web edge shares: JSON problems (RFC 9457), who may call a page, cursor pages, headers."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import wraps
from http import HTTPStatus
from typing import Any

from csp.utils import build_policy
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import DataError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.views.defaults import bad_request
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.parser import Parser

from portal import strictjson

API_PREFIX = "/api/"
MOST_ERRORS = 20
MOST_BYTES = 1024 * 1024
FAR = 1_000_000
FURTHEST = 2**53
Pointers = Sequence[tuple[str, str]]
View = Callable[..., HttpResponse]


@dataclass
class Problem(Exception):
    """An answer that is an error; raise it anywhere under an API view.

    `code` is stable and dotted, `errors` are (JSON pointer, what is wrong) pairs. Neither may hold personal data.
    """

    status: int
    code: str
    detail: str
    errors: Pointers = ()
    headers: dict[str, str] = field(default_factory=dict)


def problem(
    status: int, code: str, detail: str, errors: Pointers = (), headers: dict[str, str] | None = None
) -> JsonResponse:
    """Return an `application/problem+json` answer after RFC 9457, with at most 20 pointers."""
    body: dict[str, Any] = {
        "type": f"urn:daylight:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = [{"pointer": at, "detail": what} for at, what in list(errors)[:MOST_ERRORS]]
    return JsonResponse(body, status=status, content_type="application/problem+json", headers=headers or {})


def _pointers(error: ValidationError) -> Pointers:
    return [(_pointer(each["loc"]), str(each["msg"])) for each in error.errors]


def _pointer(location: Sequence[str | int]) -> str:
    """Turn one of ninja's locations (`body`, argument, field ... or `query`, field ...) into a JSON pointer."""
    parts = location[2:] if location[0] == "body" else location[1:2]
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


class StrictParser(Parser):
    """Reads bodies as ingest does: no NaN, no name twice, nothing that PostgreSQL cannot hold."""

    def parse_body(self, request: HttpRequest) -> Any:
        return strictjson.parse(request.body)


def require_json(request: HttpRequest) -> None:
    """Raise Problem 415 for a body that does not say it is JSON, 413 for a long one; call it with the caller known."""
    length = request.headers.get("Content-Length") or "0"
    if length.isdecimal() and int(length) > MOST_BYTES:
        raise Problem(413, "body.size", "A body has at most 1 MiB.")
    if length != "0" and request.content_type != "application/json":
        raise Problem(415, "body.type", "Send application/json in UTF-8.")


def install_problems(api: NinjaAPI) -> None:
    """Give every error of the API the one shape."""

    @api.exception_handler(Problem)
    def _problem(request: HttpRequest, error: Problem) -> HttpResponse:
        return problem(error.status, error.code, error.detail, error.errors, error.headers)

    @api.exception_handler(ValidationError)
    def _invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
        if not request.body and any(each["loc"][0] == "body" for each in error.errors):
            return problem(400, "malformed", "The body is not one JSON text.")
        return problem(422, "invalid", "The request breaks the schema; each error says where.", _pointers(error))

    @api.exception_handler(AuthenticationError)
    def _unknown(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
        return problem(401, "token.missing", "Send a valid bearer token.", headers={"WWW-Authenticate": "Bearer"})

    @api.exception_handler(HttpError)
    def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
        return problem(error.status_code, "malformed", "The request could not be read as JSON in UTF-8.")

    @api.exception_handler(Http404)
    def _missing(request: HttpRequest, error: Http404) -> HttpResponse:
        return problem(404, "not_found", "There is nothing here that you may see.")


def rule(who: str) -> Callable[[View], View]:
    """Name and enforce who may call a page: `public`, `signed_in`, or `perm:<codename>`.

    A page without a rule fails the house test. `people.guards` adds `self` and `owner`, which also ask whose it is.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if who == "public":
                return view(request, *args, **kwargs)
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if who.startswith("perm:") and not request.user.has_perm(who.removeprefix("perm:")):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        guarded.rule = who  # type: ignore[attr-defined]
        return guarded

    return decorate


def cursor_of(offset: int) -> str:
    return base64.urlsafe_b64encode(str(offset).encode()).decode().rstrip("=")


def offset_of(cursor: str) -> int:
    """Return the place a cursor stands for; raises Problem 422 for one that we did not make."""
    if not cursor:
        return 0
    unknown = Problem(422, "cursor.invalid", "Use the cursor of the page before.", [("/cursor", "unknown")])
    try:
        number = base64.urlsafe_b64decode((cursor + "=" * (-len(cursor) % 4)).encode())
    except (ValueError, binascii.Error, UnicodeEncodeError) as error:
        raise unknown from error
    if not (number.isdigit() and len(number) < len(str(FURTHEST))):
        raise unknown
    return int(number)


def page_number(asked: QueryDict) -> int:
    """Return which page of a list is asked for, from 1; 404 for what is no page."""
    text = asked.get("page", "1")
    # A text of thousands of digits is no number that Python reads.
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(FAR)) and 0 < int(text) < FAR):
        raise Http404
    return int(text)


def pager(asked: QueryDict, number: int, *, more: bool, text: str) -> dict[str, str]:
    """Return what `_pager.html` shows; the other parameters of the address stay."""

    def address(to: int) -> str:
        query = asked.copy()
        query["page"] = str(to)
        return f"?{query.urlencode()}"

    return {
        "previous": address(number - 1) if number > 1 else "",
        "next": address(number + 1) if more else "",
        "text": text,
    }


class SecurityHeaders:
    """Headers for every answer; a signed-in page is never kept by a shared cache (ASVS 14.3.2)."""

    ALWAYS = {
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), usb=(), payment=(), interest-cohort=()",
    }

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        # The same for every answer, so that it is put together once.
        self.always = {"Content-Security-Policy": build_policy(), **self.ALWAYS}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        for name, value in self.always.items():
            response.setdefault(name, value)
        if not request.path.startswith("/static/"):
            response.setdefault("Cache-Control", "no-store")
        if request.path == "/accounts/logout/" and request.method == "POST":
            response["Clear-Site-Data"] = '"cache", "cookies", "storage"'
        return response


class NoNul:
    """PostgreSQL holds no NUL: whoever sends one, wherever, is told that the request is bad, and nothing is written."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return bad_request(request, error) if isinstance(error, DataError) and "NUL" in str(error) else None


class ApiProblems:
    """Give Django's own error pages under /api/ (404, 405, 400) the shape of the API's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        wrong = response.status_code >= 400 and "json" not in response.get("Content-Type", "")
        if not (wrong and request.path.startswith(API_PREFIX)):
            return response
        kept = {name: response[name] for name in ("Allow", "Retry-After") if name in response}
        status = HTTPStatus(response.status_code)
        return problem(status, status.name.lower(), status.description or status.phrase, headers=kept)
