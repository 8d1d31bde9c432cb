"""HTTP to the portal and to nothing else: a kept connection, short time-outs, no redirects."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass

QUICK_SECONDS = 4.0
# For what must not be given up half-way: tokens that were renewed and never arrived are lost.
PATIENT_SECONDS = 20.0
MOST_BYTES = 1024 * 1024
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Unreachable(Exception):
    """No answer: no network, no server, a certificate that does not hold."""


class BadOrigin(ValueError):
    """This is no address of a portal that may be used."""


@dataclass(frozen=True)
class Answer:
    """What the portal said, and how long that took."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    seconds: float

    def json(self) -> dict[str, Any]:
        """Return the object that the body is, empty if it is none."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def retry_after(self) -> float | None:
        said = self.headers.get("Retry-After", "")
        return float(said) if said.isdecimal() else None


def checked(origin: str) -> str:
    """Return scheme, host and port; raises BadOrigin for what would send tokens in clear over a network."""
    parts = urlsplit(origin)
    local = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or local):
        message = f"not an https address: {origin}"
        raise BadOrigin(message)
    return f"{parts.scheme}://{parts.netloc}"


class Site:
    """One connection to the portal, for one thread; closed and made anew as need be."""

    def __init__(self, origin: str, seconds: float = PATIENT_SECONDS) -> None:
        self.origin, self._seconds = checked(origin), seconds
        self._connection: http.client.HTTPConnection | None = None

    def call(self, method: str, path: str, *, body: bytes = b"", headers: dict[str, str] | None = None) -> Answer:
        """Return the answer; raises Unreachable. What may safely be said twice is, if a kept connection had ended."""
        again = self._connection is not None and method != "POST"
        try:
            return self._once(method, path, body, headers or {})
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if not again or isinstance(error, TimeoutError):
                raise Unreachable(str(error) or type(error).__name__) from error
        return self.call(method, path, body=body, headers=headers)

    def post(self, path: str, fields: dict[str, str]) -> Answer:
        """Post a form over a connection of its own."""
        self.close()
        return self.call("POST", path, body=urlencode(fields).encode(), headers=FORM)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _once(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        if self._connection is None:
            self._connection = _connect(self.origin, self._seconds)
        began = time.monotonic()
        self._connection.request(method, path, body or None, {"Accept": "application/json", **headers})
        response = self._connection.getresponse()
        read = response.read(MOST_BYTES)
        if response.will_close or not response.isclosed():
            self.close()
        return Answer(response.status, response.headers, read, time.monotonic() - began)


def _connect(origin: str, seconds: float) -> http.client.HTTPConnection:
    parts = urlsplit(origin)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=seconds)
    secure = ssl.create_default_context()
    proxy = "" if proxy_bypass(host) else getproxies().get("https", "")
    if not proxy:
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=secure)
    by = urlsplit(proxy)
    through = http.client.HTTPSConnection(by.hostname or "", by.port, timeout=seconds, context=secure)
    through.set_tunnel(host, port or 443)
    return through
