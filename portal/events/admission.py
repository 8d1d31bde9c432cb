"""How many batches are taken in at once; who comes on top is told to come again, before anything is decoded or written.

Without it a crowd of collectors would hold every thread of the web process, and no page would be answered.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from portal.http import Problem

# So long somebody waits for their turn: longer than any batch takes, shorter than collectors wait for an answer.
PATIENCE_SECONDS = 2.0
# Told apart, so that those who were sent away do not come again all at the same moment.
COME_AGAIN_SECONDS = range(1, 6)


class Doors:
    """Lets `inside` in at once and `waiting` more wait for them, in this process."""

    def __init__(self, inside: int, waiting: int) -> None:
        self._inside = threading.BoundedSemaphore(inside)
        self._all = threading.BoundedSemaphore(inside + waiting)

    @contextmanager
    def enter(self) -> Iterator[None]:
        """Hold a place until the block ends; raises Problem 429 where there is none."""
        if not self._all.acquire(blocking=False):
            raise _full()
        try:
            if not self._inside.acquire(timeout=PATIENCE_SECONDS):
                raise _full()
            try:
                yield
            finally:
                self._inside.release()
        finally:
            self._all.release()


def _full() -> Problem:
    wait = str(secrets.choice(COME_AGAIN_SECONDS))
    return Problem(429, "ingest.full", "More arrives than can be stored; send it again.", headers={"Retry-After": wait})


doors = Doors(settings.INGEST_AT_ONCE, settings.INGEST_WAITING)
