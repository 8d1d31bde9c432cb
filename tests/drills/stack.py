"""A whole stack of the product's own processes for a drill: started as `make run` does, killed as a fault would.

Setting one up takes longer than most drills: it is done once, and each begins with a copy of what then lay on the disk.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import psycopg
import redis

from portal.stack.config import PROJECT
from portal.stack.own import OwnStack

QUICK = {"KEK_RENEWAL_SECONDS": "1", "SWEEP_SECONDS": "2", "REQUEST_LEASE_SECONDS": "6", "CHECKPOINT_SECONDS": "5"}
# Who was set up, as JSON beside the stack's own files.
COMPANY = "company.json"


class Stack(OwnStack):
    """`with Stack(var) as stack:` runs until the block ends; times are short unless quick is False.

    One with services of its own, or that has to be `fresh`, begins with nothing.
    """

    def __init__(self, var: Path, *, quick: bool = True, fresh: bool = False, **settings: str) -> None:
        super().__init__(var, var.parent / f"{var.name}.log", **((QUICK if quick else {}) | settings))
        self.fresh = fresh or "DATABASE_URL" in settings

    def __enter__(self) -> Stack:
        if self.fresh:
            super().__enter__()
        else:
            # As PostgreSQL's own user has them; the URLs in it are written anew at the start.
            subprocess.run(["cp", "-a", str(prepared()), str(self.var)], check=True)
            self.start()
        return self

    def set_up(self) -> str:
        """Return who is there and the client, as JSON; they are made where they are not there yet."""
        made = self.var / COMPANY
        if not made.exists():
            made.write_text(self.run("-m", "tests.drills.set_up"))
        return made.read_text()

    def start(self) -> float:
        """Start again with what is there; return how long it took until it said that it is ready."""
        began = time.monotonic()
        self.log.unlink(missing_ok=True)
        self.process = self._stack("run")
        self._wait_until_well()
        return time.monotonic() - began

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(by)
        return self.process.wait(timeout=60)

    def run(self, *arguments: str) -> str:
        """Run Python with this stack's settings and return what it printed."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=PROJECT, env=self.environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    def services(self) -> dict[str, str]:
        return json.loads((self.var / "stack.json").read_text())["services"]

    def query(self, sql: str, *parameters: object, keys: bool = False) -> list[tuple]:
        with psycopg.connect(self.services()["keys_database" if keys else "database"]) as connection:
            return connection.execute(sql, parameters).fetchall()

    def redis(self, database: int = 0) -> redis.Redis:
        return redis.Redis.from_url(f"{self.services()['redis']}/{database}")

    def pids(self, *words: str) -> list[int]:
        """Processes of this stack whose command line has all the words, the oldest first."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                mine = str(self.var) in command or str(self.var).encode() in (process / "environ").read_bytes()
                if mine and all(word in command for word in words) and int(process.name) != os.getpid():
                    found.append(int(process.name))
        return sorted(found)

    def kill(self, *words: str) -> int:
        """SIGKILL them all at once; return how many there were."""
        return kill(self.pids(*words))

    def workers(self) -> list[int]:
        """Celery's own process, which starts others, then those that do the work."""
        return [pid for pid in self.pids("celery", "worker") if pid not in self.pids("stack.respawn")]

    def kill_workers(self) -> int:
        """SIGKILL the processes that do the work."""
        return kill(self.workers()[1:])


@cache
def prepared() -> Path:
    """Return the files of a stack that was set up, with its company, and stopped."""
    place = Path(tempfile.mkdtemp(prefix="daylight-drills-"))
    place.chmod(0o755)
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    with Stack(place / "var", fresh=True) as stack:
        stack.set_up()
    return stack.var


def kill(pids: list[int]) -> int:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(pids)


def start_refused(var: Path, **settings: str) -> str:
    """Try to start and return why it would not."""
    environment = Stack(var, **settings).environment | settings
    done = subprocess.run(
        [sys.executable, "-m", "portal.stack", "run"],
        cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 1
    return done.stderr
