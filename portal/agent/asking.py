"""Asks the portal what may be recorded now; an answer that has not changed costs it almost nothing."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from portal.agent import permits
from portal.agent.clock import Clock
from portal.agent.credentials import Session
from portal.agent.front import UNKNOWN
from portal.agent.permits import CONTENT, Permits
from portal.agent.web import QUICK_SECONDS, Answer, Site

MOST_APPS = 50
OK, UNCHANGED = 200, 304
# The source is none of this installation's, or is gone: a plain no.
NO = (403, 404)


class Refused(Exception):
    """The portal answered, and neither yes nor no: it is closed, or too busy."""


class Asking:
    """For one thread. Keeps the last answers with their tags, and of apps whether typed text is allowed there."""

    def __init__(self, session: Session, clock: Clock) -> None:
        self._session, self._clock = session, clock
        self._site = Site(session.credentials.origin, QUICK_SECONDS)
        self._last: dict[str, tuple[str, dict[str, Any]]] = {}
        self._typed: dict[str, bool] = {}

    def ask(self, app: str) -> Permits:
        """Return what is allowed; raises Unreachable, Refused or Ended.

        Which app is in front is told only where typed text is allowed of some app, to learn whether of this one.
        """
        found = permits.read(self._answer(""), self._typed)
        if CONTENT not in found.allowed or app == UNKNOWN or found.hides(app):
            return found
        here = permits.read(self._answer(app), {})
        kept = self._typed if len(self._typed) < MOST_APPS else {}
        self._typed = {**kept, app: CONTENT in here.allowed}
        return permits.read(self._answer(""), self._typed)

    def _answer(self, app: str) -> dict[str, Any]:
        asked = {"source": self._session.credentials.source, **({"app": app} if app else {})}
        tag, said = self._last.get(app, ("", {}))
        headers = {"If-None-Match": tag} if tag else {}
        answer = self._session.call(self._site, "GET", f"/api/v1/permissions?{urlencode(asked)}", headers=headers)
        self._clock.compare(answer.headers.get("Date", ""), answer.seconds)
        return said if answer.status == UNCHANGED and tag else self._remember(app, answer)

    def _remember(self, app: str, answer: Answer) -> dict[str, Any]:
        self._last.pop(app, None)
        if answer.status in NO:
            return {}
        if answer.status != OK:
            message = f"the portal answered {answer.status}"
            raise Refused(message)
        if len(self._last) > MOST_APPS:
            self._last.clear()
        said = answer.json()
        self._last[app] = (answer.headers.get("ETag", ""), said)
        return said
