"""Screen, recorder and listeners together: open while something is allowed, closed while nothing is."""

from __future__ import annotations

import time

from portal.agent import front
from portal.agent.clock import Clock
from portal.agent.front import UNKNOWN, NoScreen
from portal.agent.listening import Listeners
from portal.agent.permits import Event, Permits
from portal.agent.recorder import Recorder

AGAIN_SECONDS = 3.0


class Watch:
    """What is watched now; `missing` says why there is no screen although one is wanted."""

    def __init__(self, clock: Clock, seq: int) -> None:
        self.seq, self.missing = seq, ""
        self._clock = clock
        self._recorder: Recorder | None = None
        self._listeners: Listeners | None = None
        self._tried = float("-inf")

    @property
    def app(self) -> str:
        return self._recorder.front.app if self._recorder else UNKNOWN

    def on(self) -> list[str]:
        return self._listeners.on() if self._listeners else []

    def follow(self, permits: Permits) -> list[Event]:
        """Watch what is allowed, and return what was noted since the last time."""
        if not permits.recorded:
            return self.close()
        self._open()
        if self._recorder is None or self._listeners is None:
            return []
        self._recorder.allow(permits)
        try:
            self._recorder.look()
        except NoScreen as why:
            self.missing = str(why)
            return self.close()
        self._listeners.hear(permits.recorded)
        return self._taken()

    def close(self) -> list[Event]:
        """Watch nothing; return what was still noted."""
        if self._listeners is not None:
            self._listeners.hear(frozenset())
        left = self._taken()
        if self._recorder is not None:
            self._recorder.screen.close()
        self._recorder = self._listeners = None
        return left

    def _taken(self) -> list[Event]:
        if self._recorder is None:
            return []
        self.seq = self._recorder.seq
        return self._recorder.take()

    def _open(self) -> None:
        if self._recorder is not None or time.monotonic() - self._tried < AGAIN_SECONDS:
            return
        try:
            self._recorder = Recorder(self._clock, front.connect(), self.seq)
        except (NoScreen, ImportError) as why:
            self._tried = time.monotonic()
            self.missing = str(why) or type(why).__name__
            return
        self._listeners, self.missing = Listeners(self._recorder), ""
