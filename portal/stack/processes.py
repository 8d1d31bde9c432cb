"""Children that never outlive the stack, however it ends (Linux; elsewhere an orderly end is needed)."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def dies_with_parent(by: signal.Signals) -> Callable[[], None]:
    """Return a preexec function: the child gets this signal when its parent is gone, kill -9 included."""
    return lambda: _prctl(PR_SET_PDEATHSIG, by)


def adopt_orphans() -> None:
    """Grandchildren whose parent was killed become ours, so that stop_children() finds them."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def children() -> list[int]:
    """Return our direct children that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = stat.read_text(encoding="utf-8").rsplit(")", 1)[1].split()
            if int(fields[1]) == os.getpid() and fields[0] != "Z":
                found.append(int(stat.parent.name))
    return found


def stop_children(spare: set[int], seconds: float = 8) -> None:
    """TERM, then KILL, every child but the spared, until none is left."""
    for sig, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 3.0)):
        deadline = time.monotonic() + patience
        signalled: set[int] = set()
        while (left := set(children()) - spare) and time.monotonic() < deadline:
            for pid in left - signalled:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, sig)
            signalled |= left
            time.sleep(0.05)
