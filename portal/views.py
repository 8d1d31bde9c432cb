"""Pages that span parts: home and health."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connections
from django.http import HttpRequest, JsonResponse

from consent import ledger
from portal.http import rule


def site(request: HttpRequest) -> dict[str, Any]:
    """Give every template what it needs to say of this installation."""
    return {"DEMO": settings.DEMO, "STAFF_SECOND_FACTOR": settings.STAFF_SECOND_FACTOR}


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
