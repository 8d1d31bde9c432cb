"""What this installation may call the portal with: kept sealed, renewed when it ends, forgotten when that fails."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, replace

from portal.agent.home import Home, write
from portal.agent.sealed import Box, Damaged
from portal.agent.web import Answer, Site, Unreachable

TOKEN = "/identity/o/api/token"  # noqa: S105
REVOKE = "/identity/o/api/revoke"
PLACE = "credentials"
UNAUTHORISED = 401


class Ended(Exception):
    """The portal knows these tokens no more: revoked, expired, or its person is gone."""


@dataclass(frozen=True)
class Credentials:
    """The portal, the source that this is an installation of, its tokens, and the employee number of its person."""

    origin: str
    source: str
    access: str
    refresh: str
    whose: str = ""

    @property
    def client_id(self) -> str:
        return f"collector-{self.source}"


def load(home: Home, box: Box) -> Credentials | None:
    """Return what was kept, None where nothing was or its key is gone."""
    try:
        kept = json.loads(box.open(home.credentials.read_bytes(), PLACE))
    except (OSError, Damaged):
        return None
    return Credentials(**kept)


def save(home: Home, box: Box, credentials: Credentials) -> None:
    write(home.credentials, box.seal(json.dumps(asdict(credentials)).encode(), PLACE))


class Session:
    """Calls with the token in force; renews it once where it is refused. For several threads."""

    def __init__(self, home: Home, box: Box, credentials: Credentials) -> None:
        self.home, self.box, self.credentials = home, box, credentials
        self._renewing = threading.Lock()

    def call(
        self, site: Site, method: str, path: str, *, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> Answer:
        """Return the answer; raises Unreachable, or Ended where the tokens are worth nothing any more."""
        token = self.credentials.access
        answer = site.call(method, path, body=body, headers={**(headers or {}), "Authorization": f"Bearer {token}"})
        if answer.status != UNAUTHORISED:
            return answer
        token = self._renewed(token)
        answer = site.call(method, path, body=body, headers={**(headers or {}), "Authorization": f"Bearer {token}"})
        if answer.status == UNAUTHORISED:
            raise Ended
        return answer

    def _renewed(self, refused: str) -> str:
        with self._renewing:
            if self.credentials.access == refused:
                self.credentials = renewed(self.credentials)
                save(self.home, self.box, self.credentials)
            return self.credentials.access


def renewed(old: Credentials) -> Credentials:
    """Return new tokens for the old, which are good for nothing afterwards."""
    if not old.refresh:
        raise Ended
    fields = {"grant_type": "refresh_token", "refresh_token": old.refresh, "client_id": old.client_id}
    answer = Site(old.origin).post(TOKEN, fields)
    said = answer.json()
    if "access_token" in said:
        return replace(old, access=said["access_token"], refresh=said.get("refresh_token", old.refresh))
    if answer.status in (400, UNAUTHORISED):
        raise Ended
    message = f"the portal answered {answer.status}"
    raise Unreachable(message)


def revoke(credentials: Credentials) -> None:
    """Give both tokens back; raises Unreachable."""
    site = Site(credentials.origin)
    for token in filter(None, (credentials.refresh, credentials.access)):
        site.post(REVOKE, {"token": token, "client_id": credentials.client_id})
