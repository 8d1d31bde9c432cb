"""A whole stack of the product's own processes for a drill: started as `make run` does, killed as a fault would."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import redis

from portal.stack.browser import Browser
from portal.stack.config import PROJECT
from portal.stack.postgres import free_port

QUICK = {"KEK_RENEWAL_SECONDS": "1", "SWEEP_SECONDS": "2", "REQUEST_LEASE_SECONDS": "6", "CHECKPOINT_SECONDS": "5"}
READY = "Daylight is ready"
OURS = ("DATABASE", "REDIS", "VAULT", "DAYLIGHT", "PORT", "HOST", "KEYS_", "STAFF_", "KEK_", "DJANGO", "PYTEST", "MAKE")


def clean_environment(**more: str) -> dict[str, str]:
    """The test run's own services must not leak into the stack under test."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    return {**kept, **more}


class Stack:
    """`with Stack(var) as stack:` runs until the block ends; times are short unless quick is False."""

    def __init__(self, var: Path, *, quick: bool = True, **environment: str) -> None:
        self.var = var
        self.port = free_port()
        self.origin = f"http://localhost:{self.port}"
        self.environment = clean_environment(
            DAYLIGHT_VAR=str(var),
            PORT=str(self.port),
            DAYLIGHT_DEMO="0",
            STAFF_SECOND_FACTOR="0",
            PYTHONPATH=str(PROJECT),
            **(QUICK if quick else {}),
            **environment,
        )
        self.process: subprocess.Popen[str] | None = None
        self.log = var.parent / f"{var.name}.log"

    def __enter__(self) -> Stack:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self, seconds: float = 90) -> float:
        """Return how long it took until it said that it is ready."""
        began = time.monotonic()
        with self.log.open("a") as sink:
            mark = self.log.stat().st_size
            self.process = subprocess.Popen(
                [sys.executable, "-m", "portal.stack", "run"],
                cwd=PROJECT, env=self.environment, stdout=sink, stderr=subprocess.STDOUT, text=True,
            )  # fmt: skip
        while READY not in self.log.read_text()[mark:]:
            assert self.process.poll() is None, self.log.read_text()[mark:]
            assert time.monotonic() - began < seconds, self.log.read_text()[mark:]
            time.sleep(0.1)
        return time.monotonic() - began

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(by)
            self.process.wait(timeout=60)

    def manage(self, *arguments: str, input: str = "", ok: bool = True) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=PROJECT, env=self.environment, input=input, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert not ok or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def services(self) -> dict[str, str]:
        return json.loads((self.var / "stack.json").read_text())["services"]

    def query(self, sql: str, *parameters: object, keys: bool = False) -> list[tuple]:
        with psycopg.connect(self.services()["keys_database" if keys else "database"]) as connection:
            return connection.execute(sql, parameters).fetchall()

    def redis(self, database: int = 0) -> redis.Redis:
        return redis.Redis.from_url(f"{self.services()['redis']}/{database}")

    def pids(self, *words: str) -> list[int]:
        """Processes of this stack whose command line has all the words."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                mine = str(self.var) in command or str(self.var).encode() in (process / "environ").read_bytes()
                if mine and all(word in command for word in words) and int(process.name) != os.getpid():
                    found.append(int(process.name))
        return found

    def kill(self, *words: str) -> int:
        """SIGKILL them all at once; return how many there were."""
        found = self.pids(*words)
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(found)

    def browser(self) -> Browser:
        return Browser(self.origin)
