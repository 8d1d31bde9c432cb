"""Sends what waits, oldest first, and goes by what the portal answers."""

from __future__ import annotations

import gzip
import json
import random
import re
import threading
import time
from datetime import UTC, datetime

from portal.agent.credentials import Ended, Session
from portal.agent.permits import Event
from portal.agent.queue import Queue
from portal.agent.web import Answer, Site, Unreachable

TAKEN = (200, 201, 409)  # 409: it arrived before, as it then was
NEVER = (400, 411, 413, 415, 422)
FIRST_WAIT, MOST_WAIT = 1.0, 300.0
# The portal takes a text of up to 100 times its compressed size for honest.
MOST_TIMES = 50
EVENT_AT = re.compile(r"^/events/(\d+)(/|$)")


class Sender(threading.Thread):
    """Sends while `may` is set; `sent`, `last_sent` and `trouble` are for the status."""

    def __init__(self, session: Session, queue: Queue) -> None:
        super().__init__(daemon=True, name="sender")
        self.may, self.ended, self.stopping = threading.Event(), threading.Event(), threading.Event()
        self.sent, self.last_sent, self.trouble = 0, 0.0, ""
        self._session, self._queue = session, queue
        self._site = Site(session.credentials.origin)
        self._wait = 0.0

    def run(self) -> None:
        while not self.stopping.is_set() and not self.ended.is_set():
            pause = self._step() if self.may.wait(0.2) else 0.0
            self.stopping.wait(pause)

    def stop(self) -> None:
        self.stopping.set()

    def _step(self) -> float:
        """Send a batch if there is one; return how long to wait before the next."""
        waiting = self._queue.next()
        if waiting is None:
            return 0.2
        batch, events = waiting
        try:
            answer = self._put(batch, events)
        except Ended:
            self.ended.set()
            return 0.0
        except Unreachable as why:
            return self._later(str(why), None)
        return self._settled(batch, events, answer)

    def _put(self, batch: str, events: list[Event]) -> Answer:
        body, headers = packed(self._session.credentials.source, events)
        return self._session.call(self._site, "PUT", f"/api/v1/batches/{batch}", body=body, headers=headers)

    def _settled(self, batch: str, events: list[Event], answer: Answer) -> float:
        if answer.status in TAKEN:
            self._queue.done(batch)
            self.sent, self.last_sent = self.sent + len(events), time.time()
        elif answer.status in NEVER:
            self._leave_out(batch, events, answer)
        else:
            return self._later(f"the portal answered {answer.status}", answer.retry_after)
        self.trouble, self._wait = "", 0.0
        return 0.0

    def _leave_out(self, batch: str, events: list[Event], answer: Answer) -> None:
        """Give up the events that the portal will never take; all of them if it does not say which."""
        pointers = [str(each.get("pointer", "")) for each in answer.json().get("errors", []) if isinstance(each, dict)]
        places = {int(found[1]) for pointer in pointers if (found := EVENT_AT.match(pointer))}
        bad = {events[place]["seq"] for place in places if place < len(events)}
        gone = self._queue.change(lambda event: None if not bad or event["seq"] in bad else event, only=batch)
        self._queue.given_up += gone

    def _later(self, why: str, asked: float | None) -> float:
        self._wait = min(max(self._wait * 2, FIRST_WAIT), MOST_WAIT)
        self.trouble = why
        return asked if asked is not None else self._wait * random.uniform(0.5, 1)  # noqa: S311


def packed(source: str, events: list[Event]) -> tuple[bytes, dict[str, str]]:
    """Return a batch's body, the same bytes for the same events, and its headers."""
    at = datetime.fromtimestamp(events[-1]["t"] / 1000, UTC).isoformat()
    said = {"source": source, "sent_at": at, "events": events}
    plain = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    small = gzip.compress(plain, mtime=0)
    headers = {"Content-Type": "application/json"}
    if len(plain) > MOST_TIMES * len(small):
        return plain, headers
    return small, {**headers, "Content-Encoding": "gzip"}
