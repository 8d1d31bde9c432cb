"""The one client of other systems: calls the address that was checked, and no other, within one limit of time.

A name is looked up once and every address found is checked; the connection goes to one of these, with the name in the
certificate check and the Host header. Redirects are answers like any other, and no proxy of the environment is asked.
"""

from __future__ import annotations

import http.client
import io
import queue
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from django.conf import settings

from portal.outbox import destinations
from portal.outbox.destinations import Refused, Rules, Target

__all__ = ["Answer", "Refused", "Unreachable", "allowed", "send"]
MOST_ADDRESSES = 8
PIECE = 16 * 1024


class Unreachable(Exception):
    """A call that came to nothing; `reason` is one of no_address, connection, tls, timeout, answer, too_long."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Answer:
    """What came back; the names of headers are in lower case, of several with one name the last stays."""

    status: int
    headers: dict[str, str]
    body: bytes


def send(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
    timeout: float = 15.0,
    limit: int = 1_000_000,
    internal: bool = False,
) -> Answer:
    """Call another system once and return its answer, whatever its status.

    `timeout` is for everything together. An answer longer than `limit` is Unreachable; with a limit of 0 the body is
    not read at all. `internal` says that the address was written by whoever runs the system, not by a caller of ours:
    only then, and only if EGRESS_INTERNAL_HOSTS lists the host, it may stand in the company's own network.
    Raises Refused or Unreachable.
    """
    deadline = Deadline(timeout)
    aim, places = _looked_up(url, internal, deadline)
    try:
        with _connected(aim, places, deadline) as raw:
            return _exchanged(raw, aim, method, {**headers}, body, limit, deadline)
    except ssl.SSLError as error:
        raise Unreachable("tls") from error
    except TimeoutError as error:
        raise Unreachable("timeout") from error
    except OSError as error:
        raise Unreachable("connection") from error
    except http.client.HTTPException as error:
        raise Unreachable("answer") from error


def allowed(url: str, *, internal: bool = False, timeout: float = 5.0) -> None:
    """Raise Refused for a URL that would be now, so that it need not be kept; a host that has no address passes."""
    try:
        _looked_up(url, internal, Deadline(timeout))
    except Unreachable:
        return


class Place(NamedTuple):
    """Where a name stands, as the system's resolver says it."""

    family: int
    at: tuple[Any, ...]

    @property
    def address(self) -> str:
        return str(self.at[0])


class Deadline:
    """One limit of time for a look-up, a connection, a handshake and each byte: nobody may dribble."""

    def __init__(self, seconds: float) -> None:
        self.ends = time.monotonic() + seconds

    @property
    def left(self) -> float:
        left = self.ends - time.monotonic()
        if left <= 0:
            raise Unreachable("timeout")
        return left


def rules() -> Rules:
    return Rules(settings.EGRESS_PORTS, settings.EGRESS_INTERNAL_HOSTS, settings.EGRESS_PLAIN_HOSTS)


def _looked_up(url: str, internal: bool, deadline: Deadline) -> tuple[Target, list[Place]]:
    """Return where the URL leads, checked; every later step uses these addresses and never the name again."""
    allowed = rules()
    aim = destinations.target(url, allowed)
    places = _resolved(aim, deadline)
    for place in places:
        destinations.check(place.address, aim.host, internal=internal and aim.host in allowed.internal_hosts)
    return aim, places


def _resolved(aim: Target, deadline: Deadline) -> list[Place]:
    """Ask in a thread: the system's resolver knows no limit of time."""
    answers: queue.SimpleQueue[list[Any] | OSError] = queue.SimpleQueue()
    threading.Thread(target=_resolve, args=(aim, answers), daemon=True).start()
    try:
        found = answers.get(timeout=deadline.left)
    except queue.Empty as error:
        raise Unreachable("timeout") from error
    if isinstance(found, OSError) or not found:
        raise Unreachable("no_address")
    return list(dict.fromkeys(Place(each[0], each[4]) for each in found))


def _resolve(aim: Target, answers: queue.SimpleQueue[list[Any] | OSError]) -> None:
    try:
        answers.put(list(socket.getaddrinfo(aim.host, aim.port, type=socket.SOCK_STREAM)))
    except OSError as error:
        answers.put(error)
    except UnicodeError:  # a label that is too long for the resolver
        answers.put([])


def _connected(aim: Target, places: list[Place], deadline: Deadline) -> socket.socket:
    raw = _first_that_answers(places[:MOST_ADDRESSES], deadline)
    if aim.scheme == "http":
        return raw
    with ExitStack() as undo:
        undo.callback(raw.close)
        raw.settimeout(deadline.left)
        sealed = _tls().wrap_socket(raw, server_hostname=aim.host)
        undo.pop_all()
        return sealed


def _first_that_answers(places: list[Place], deadline: Deadline) -> socket.socket:
    for place in places[:-1]:
        try:
            # Each but the last gets half of what is left, so that one that is silent does not take it all.
            return _opened(place, deadline.left / 2)
        except OSError:
            continue
    return _opened(places[-1], deadline.left)


def _opened(place: Place, seconds: float) -> socket.socket:
    """Connect to the very place that was checked: no name is looked up here."""
    raw = socket.socket(place.family, socket.SOCK_STREAM)
    with ExitStack() as undo:
        undo.callback(raw.close)
        raw.settimeout(seconds)
        raw.connect(place.at)
        undo.pop_all()
    return raw


def _tls() -> ssl.SSLContext:
    """Trust what the machine trusts, or only EGRESS_CA_FILE."""
    context = ssl.create_default_context(cafile=settings.EGRESS_CA_FILE or None)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _exchanged(
    raw: socket.socket,
    aim: Target,
    method: str,
    headers: dict[str, str],
    body: bytes,
    limit: int,
    deadline: Deadline,
) -> Answer:
    connection = http.client.HTTPConnection(aim.host, aim.port)
    connection.sock = Hurried(raw, deadline)  # type: ignore[assignment]
    connection.putrequest(method, aim.path, skip_host=True, skip_accept_encoding=True)
    for name, value in _headers(aim, method, headers, body):
        connection.putheader(name, value)
    connection.endheaders(body or None)
    answer = connection.getresponse()
    found = {name.lower(): value for name, value in answer.getheaders()}
    return Answer(answer.status, found, _body(answer, limit))


def _headers(aim: Target, method: str, given: dict[str, str], body: bytes) -> list[tuple[str, str]]:
    own = {"Host": aim.authority, "Accept-Encoding": "identity", "Connection": "close"}
    if body or method in ("POST", "PUT", "PATCH"):
        own["Content-Length"] = str(len(body))
    ours = {name.lower() for name in own} | {"content-length", "transfer-encoding"}
    return [*own.items(), *((name, value) for name, value in given.items() if name.lower() not in ours)]


def _body(answer: http.client.HTTPResponse, limit: int) -> bytes:
    if limit == 0:
        return b""
    pieces: list[bytes] = []
    for piece in iter(partial(answer.read, PIECE), b""):
        pieces.append(piece)
        if sum(map(len, pieces)) > limit:
            raise Unreachable("too_long")
    return b"".join(pieces)


class Hurried:
    """What http.client needs of a socket; each call to the real one gets only the time that is left."""

    def __init__(self, raw: socket.socket, deadline: Deadline) -> None:
        self._raw = raw
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            self._raw.settimeout(self._deadline.left)
            rest = rest[self._raw.send(rest[:PIECE]) :]

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(Arriving(self._raw, self._deadline))

    def close(self) -> None:
        self._raw.close()


class Arriving(io.RawIOBase):
    """The bytes that come in, until the time is over."""

    def __init__(self, raw: socket.socket, deadline: Deadline) -> None:
        super().__init__()
        self._raw = raw
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._raw.settimeout(self._deadline.left)
        return self._raw.recv_into(buffer)
