"""A program at the API: a token of the client-credentials grant, JSON in and out."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlencode

from portal.stack.browser import Answer, Browser


class Unexpected(RuntimeError):
    """The API answered with another status than the one that is right."""


class Program:
    """One API client with the scopes it asked for; a token is fetched once, since each costs a password hash."""

    def __init__(self, origin: str, client_id: str, secret: str, scopes: str) -> None:
        self.http = Browser(origin)
        basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
        form = urlencode({"grant_type": "client_credentials", "scope": scopes}).encode()
        headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/x-www-form-urlencoded"}
        answer = self.http.request("POST", "/identity/o/api/token", form, headers)
        self.token = _expected(answer, (200,)).json()["access_token"]

    def call(
        self, method: str, path: str, content: Any = None, *expected: int, headers: dict[str, str] | None = None
    ) -> Answer:
        """Return the answer; raises Unexpected when its status is none of those named."""
        body = b"" if content is None else json.dumps(content).encode()
        sent = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json", **(headers or {})}
        return _expected(self.http.request(method, f"/api/v1{path}", body, sent), expected or (200, 201))


def _expected(answer: Answer, statuses: tuple[int, ...]) -> Answer:
    if answer.status not in statuses:
        message = f"{answer.path} answered {answer.status}: {answer.text[:400]}"
        raise Unexpected(message)
    return answer
