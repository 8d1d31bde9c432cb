"""`python -m portal.stack.respawn COMMAND ...`: starts a process again that ends by itself.

A worker whose broker goes away at the wrong moment ends with an error of its libraries; the work it had goes on by its
lease, if only there is a worker. Ten ends within a minute are no accident: then this ends as well.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from types import FrameType

from portal.stack.processes import dies_with_parent

MOST, WITHIN_SECONDS, PAUSE_SECONDS = 10, 60.0, 1.0


class Respawner:
    """Runs one command until it is told to stop, or until the command ends too often."""

    def __init__(self, command: list[str]) -> None:
        self.command = command
        self.stopping = False
        self.process: subprocess.Popen[bytes] | None = None
        self.ends: deque[float] = deque(maxlen=MOST)

    def run(self) -> int:
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, self._stop)
        while not self.stopping:
            self.process = subprocess.Popen(self.command, preexec_fn=dies_with_parent(signal.SIGTERM))
            code = self.process.wait()
            if self.stopping or self._too_often():
                return code if code >= 0 else 128 - code
            print(f"{os.path.basename(self.command[0])} ended by itself ({code}); starting it again", flush=True)
            time.sleep(PAUSE_SECONDS)
        return 0

    def _too_often(self) -> bool:
        self.ends.append(time.monotonic())
        return len(self.ends) == MOST and self.ends[-1] - self.ends[0] < WITHIN_SECONDS

    def _stop(self, by: int, frame: FrameType | None) -> None:
        self.stopping = True
        if self.process:
            self.process.send_signal(by)


if __name__ == "__main__":
    sys.exit(Respawner(sys.argv[1:]).run())
