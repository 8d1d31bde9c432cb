"""Calls to one other system, all within one limit of time, so that no lease runs out over them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.outbox import fetch
from portal.rights.connectors import secrets
from portal.rights.connectors.values import NoAnswer

CALL_SECONDS = 15.0
SHARE_OF_LEASE = 0.6
MOST_BYTES = 50 * 1024 * 1024
SAYS = {
    "no_address": gettext_lazy("It has no address."),
    "connection": gettext_lazy("It could not be reached."),
    "tls": gettext_lazy("It could not prove who it is."),
    "timeout": gettext_lazy("It took too long."),
    "answer": gettext_lazy("Its answer was no answer."),
    "too_long": gettext_lazy("Its answer was too long."),
}


class Line:
    """The way to a system that speaks OpenDSR."""

    def __init__(self, how: Mapping[str, Any]) -> None:
        self.base: str = how["url"]
        self.domain: str = how["domain"] or str(urlsplit(self.base).hostname)
        self.token = how["token"]
        self.ends = time.monotonic() + settings.REQUEST_LEASE_SECONDS * SHARE_OF_LEASE

    def call(self, method: str, url: str, body: bytes = b"", limit: int = 1_000_000) -> fetch.Answer:
        """Call once; raises NoAnswer for whatever is no answer at all, and for one that is none of ours to read."""
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        there, ours = _origin(url), _origin(self.base)
        if there == ours:
            # Nobody else gets the token, whatever address the system names.
            headers["Authorization"] = f"Bearer {secrets.read(self.token)}"
        left = min(CALL_SECONDS, self.ends - time.monotonic())
        # The policy names this host: what the system names itself leads nowhere else inside.
        inside = there[1] == ours[1]
        try:
            answer = fetch.send(
                method, url, headers=headers, body=body, timeout=max(left, 0.1), limit=limit, internal=inside
            )
        except fetch.Refused as error:
            raise NoAnswer(_("Its address is not one that is called (%(code)s).") % {"code": error.code}) from error
        except fetch.Unreachable as error:
            raise NoAnswer(str(SAYS.get(error.reason, SAYS["answer"]))) from error
        if answer.status >= 500 or 300 <= answer.status < 400 or answer.status in {401, 403, 429}:
            raise NoAnswer(_("It answered with %(status)d.") % {"status": answer.status})
        return answer


def _origin(url: str) -> tuple[str, str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port
    except ValueError as error:
        raise NoAnswer(_("Its address is not one that is called (%(code)s).") % {"code": "url.malformed"}) from error
