"""Takes files of cases: held in memory up to a limit, dropped as they arrive beyond it."""

from __future__ import annotations

from functools import wraps
from typing import Any

from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt, csrf_protect

from portal.http import View
from portal.rights.cases.values import MOST_BYTES

# What a form adds around its file.
BESIDES = 128 * 1024


class CaseFileHandler(MemoryFileUploadHandler):
    """A file of a case may be longer than what is else sent here; it never lies on the disk in clear."""

    def handle_raw_input(
        self, input_data: Any, META: dict[str, Any], content_length: int, boundary: bytes, encoding: str | None = None
    ) -> None:
        self.activated = content_length <= MOST_BYTES + BESIDES


def takes_files(view: View) -> View:
    """Read the form with the handler above: it must be named before anybody, the CSRF check too, reads the form."""
    protected = csrf_protect(view)

    @csrf_exempt
    @wraps(view)
    def named(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        request.upload_handlers = [CaseFileHandler(request)]
        return protected(request, *args, **kwargs)

    return named


def is_too_long(request: HttpRequest) -> bool:
    length = request.headers.get("Content-Length") or "0"
    return length.isdecimal() and int(length) > MOST_BYTES + BESIDES
