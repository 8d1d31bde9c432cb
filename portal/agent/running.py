"""The agent at work: asks what is allowed, watches that, keeps it sealed, has it sent, says what it does."""

from __future__ import annotations

import contextlib
import threading
import time

from portal.agent import front, status
from portal.agent.asking import Asking, Refused
from portal.agent.clock import Clock, Sleep
from portal.agent.credentials import Credentials, Ended, Session
from portal.agent.home import Home, write
from portal.agent.permits import NOTHING, Permits
from portal.agent.queue import Queue
from portal.agent.screens import Watch
from portal.agent.sealed import Box
from portal.agent.sending import Sender
from portal.agent.status import Status
from portal.agent.web import Unreachable

ASK_SECONDS = 4.0
SEND_SECONDS = 10.0
TICK_SECONDS = 0.25
# Without an answer the last one holds for an hour; then nothing is recorded until there is one.
AWAY_SECONDS = 3600.0
# Nothing is sent on an answer that is older: first it is asked what still may be.
FRESH_SECONDS = 15.0
LAST_SEND_SECONDS = 5.0


class Agent:
    """One enrolled agent; `run` returns when it is stopped (True) or was ended by the portal (False)."""

    def __init__(self, home: Home, box: Box, credentials: Credentials, ask_every: float, send_every: float) -> None:
        self.home, self.ask_every, self.send_every = home, ask_every, send_every
        self.stopping = threading.Event()
        self.queue = Queue(home.queue, box)
        clock, session = Clock(), Session(home, box, credentials)
        self.asking, self.sender = Asking(session, clock), Sender(session, self.queue)
        self.watch = Watch(clock, max(_counter(home), self.queue.last_seq() + 1))
        self.permits: Permits | None = None
        self.status = Status(origin=credentials.origin, source=credentials.source, whose=credentials.whose)
        self.status.blind = front.blind()
        self._sleep = Sleep()
        self._asked = self._answered = float("-inf")

    def run(self) -> bool:
        self.home.stop.unlink(missing_ok=True)
        self._tell()
        self.sender.start()
        try:
            while not self.stopping.is_set() and not self.home.stop.exists():
                self._round()
                self.stopping.wait(TICK_SECONDS)
        except Ended:
            self._end()
            return False
        self._stop()
        return True

    def _round(self) -> None:
        self._check()
        if time.monotonic() - self._asked >= self.ask_every:
            self._ask()
        if time.monotonic() - self._answered > AWAY_SECONDS:
            self.permits = None
        self._keep()
        self._tell()

    def _check(self) -> None:
        if self.sender.ended.is_set():
            raise Ended
        if not self.sender.is_alive():
            message = "nothing is sent any more"
            raise RuntimeError(message)
        if self._sleep.noticed():
            # Much may have been decided meanwhile: first it is asked.
            self.permits, self._asked = None, float("-inf")
            self.sender.may.clear()

    def _ask(self) -> None:
        self._asked = time.monotonic()
        try:
            now = self.asking.ask(self.watch.app)
        except Refused as why:
            # An answer, but no yes: nothing is recorded or sent until there is one. What waits, waits.
            self.permits, self.status.trouble = None, str(why)
        except Unreachable as why:
            self.status.trouble = str(why)
        else:
            self._answered, self.status.last_asked, self.status.trouble = self._asked, time.time(), ""
            self._obey(now)
        fresh = time.monotonic() - self._answered < FRESH_SECONDS
        (self.sender.may.set if self.permits and fresh else self.sender.may.clear)()

    def _obey(self, now: Permits) -> None:
        """Stop what is no more allowed, delete it unsent, and ask again, which confirms it.

        What was left by an earlier run is gone through before anything of it is sent.
        """
        before, self.permits = self.permits, now
        if before is None:
            self.queue.change(now.lessened)
        elif now.narrows(before):
            self._keep()
            self.queue.change(now.lessened)
            with contextlib.suppress(Unreachable, Refused):
                self.asking.ask(self.watch.app)

    def _keep(self) -> None:
        self._add(self.watch.follow(self.permits or NOTHING))
        if self.queue.due(self.send_every):
            self._close()

    def _add(self, events: list[dict[str, object]]) -> None:
        allowed = self.permits or NOTHING
        kept = [event for event in map(allowed.lessened, events) if event is not None]
        if kept:
            self.queue.add(kept)

    def _close(self) -> None:
        with contextlib.suppress(OSError):  # a full disk costs the counter, which only shows gaps
            write(self.home.counter, str(self.watch.seq).encode())
        self.queue.close()

    # --- what it says

    def _tell(self) -> None:
        said, size, permits = self.status, self.queue.size(), self.permits or NOTHING
        said.state = self._state()
        said.allowed, said.refused = sorted(permits.allowed), permits.refused
        said.paused_until, said.listeners = permits.paused_until, self.watch.on()
        said.text = permits.takes_text(self.watch.app)
        said.queued, said.queued_bytes, said.given_up = size.events, size.bytes, size.given_up
        said.sent, said.last_sent = self.sender.sent, self.sender.last_sent
        said.trouble = self.watch.missing or said.trouble or self.sender.trouble
        status.save(self.home, said)

    def _state(self) -> str:
        if self.permits is None:
            return "starting" if self._answered == float("-inf") and not self.status.trouble else "unasked"
        if self.permits.recorded and self.watch.missing:
            return "no_screen"
        if time.monotonic() - self._answered > FRESH_SECONDS:
            return "away"
        return "recording" if self.permits.recorded else "resting"

    # --- the end

    def _stop(self) -> None:
        """End as asked: what is queued stays for the next start."""
        self._add(self.watch.close())
        self.sender.stop()
        self.sender.join(LAST_SEND_SECONDS)
        self._close()
        self.status.state, self.status.listeners = "stopped", []
        self.status.queued = self.queue.size().events
        status.save(self.home, self.status)

    def _end(self) -> None:
        """The portal ended this installation: nothing of it stays but the note that says so."""
        self.watch.close()
        self.sender.stop()
        forget(self.home, self.queue)
        status.save(self.home, Status(state="ended"))


def forget(home: Home, queue: Queue) -> None:
    """Delete the queue, the tokens and the key that sealed them."""
    home.key.unlink(missing_ok=True)
    home.credentials.unlink(missing_ok=True)
    queue.wipe()
    home.counter.unlink(missing_ok=True)


def _counter(home: Home) -> int:
    """Return the next number, as it was when the last batch was closed."""
    try:
        return int(home.counter.read_bytes())
    except (OSError, ValueError):
        return 0
