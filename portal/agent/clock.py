"""The time of events: UTC by the wall clock, corrected by the portal's, never a little back."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

# A step back of less is the system keeping its clock right: time stands still meanwhile.
SMALL_MS = 2_000
# The portal tells its time in whole seconds, and an answer takes time.
TRUSTED_MS = 5_000
QUICK_SECONDS = 2.0


class Clock:
    """Milliseconds since the epoch; a larger step, such as after sleep or a clock put right, is followed at once."""

    def __init__(self) -> None:
        self.ahead_ms = 0
        self._last = 0

    def now(self) -> int:
        wall = time.time_ns() // 1_000_000 + self.ahead_ms
        if not 0 < self._last - wall <= SMALL_MS:
            self._last = wall
        return self._last

    def compare(self, date: str, took_seconds: float) -> None:
        """Learn from the Date of an answer how wrong this computer's clock is.

        By a wrong clock, what was done in a pause could seem to have been done before it.
        """
        if not date or took_seconds > QUICK_SECONDS:
            return
        try:
            there = parsedate_to_datetime(date).timestamp() * 1000
        except ValueError:
            return
        off = round(there) - time.time_ns() // 1_000_000
        if abs(off - self.ahead_ms) > TRUSTED_MS:
            self.ahead_ms = off if abs(off) > TRUSTED_MS else 0


class Sleep:
    """Tells whether this computer slept, or its clock was set, since it was asked last."""

    def __init__(self) -> None:
        self._apart = self._difference()

    def noticed(self) -> bool:
        # The one clock goes on while a computer sleeps, the other does not on every system.
        before, self._apart = self._apart, self._difference()
        return abs(self._apart - before) * 1000 > TRUSTED_MS

    @staticmethod
    def _difference() -> float:
        return time.time_ns() / 1e9 - time.monotonic()
