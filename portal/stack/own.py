"""A stack of one's own beside the one that may be running: for the smoke test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from portal.stack.browser import Browser
from portal.stack.config import PROJECT
from portal.stack.postgres import Postgres, free_port

READY_SECONDS = 240
STOP_SECONDS = 60
# How much of what a command complained of is told with its failure.
TOLD = 4000
# What would join the new stack to services that are already there.
FOREIGN = ("DATABASE", "KEYS_DATABASE", "REDIS", "VAULT", "DAYLIGHT", "PORT", "HOST", "STAFF_", "DJANGO")


class DidNotStart(RuntimeError):
    """The stack ended or never became well; its log says why."""


class OwnStack:
    """`with OwnStack(var, log) as stack:` begins with nothing in `var` and runs until the block ends."""

    def __init__(self, var: Path, log: Path, **settings: str) -> None:
        self.var, self.log = var, log
        self.port = free_port()
        self.origin = f"http://localhost:{self.port}"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        self.environment = {**inherited, "DAYLIGHT_VAR": str(var), "PORT": str(self.port), "DAYLIGHT_DEMO": "0",
                            "STAFF_SECOND_FACTOR": "0", "PYTHONPATH": str(PROJECT), **settings}  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> OwnStack:
        self.log.unlink(missing_ok=True)
        self._stack("reset").wait(timeout=STOP_SECONDS)
        self.process = self._stack("run")
        self._wait_until_well()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=STOP_SECONDS)

    def _stack(self, verb: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as sink:
            command = [sys.executable, "-m", "portal.stack", verb]
            return subprocess.Popen(command, cwd=PROJECT, env=self.environment, stdout=sink, stderr=sink)

    def _wait_until_well(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline and self.process and self.process.poll() is None:
            if b"Daylight is ready" in self.log.read_bytes():
                return
            time.sleep(0.1)
        self.__exit__()
        message = f"the stack did not become ready; see {self.log}"
        raise DidNotStart(message)

    def manage(self, *arguments: str, given: str = "", check: bool = True) -> str:
        """Run a command against this stack and return what it printed; raises CalledProcessError."""
        command = [sys.executable, "manage.py", *arguments]
        done = subprocess.run(
            command, cwd=PROJECT, env=self.environment, input=given, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            error = subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
            error.add_note(done.stderr[-TOLD:])
            raise error
        return done.stdout

    def browser(self) -> Browser:
        return Browser(self.origin)

    def count(self, question: str, values: list[Any]) -> int:
        """Return the one number that a question to the database answers with."""
        services = json.loads((self.var / "stack.json").read_text(encoding="utf-8"))["services"]
        with psycopg.connect(services["database"]) as connection:
            row = connection.execute(question.encode(), values).fetchone()
        return int(row[0]) if row else 0

    def holds(self, text: str) -> list[Path]:
        """Return every file of the stack in which this text stands in clear."""
        wanted = text.encode()
        return [path for path in self._files() if wanted in path.read_bytes()]

    def _files(self) -> Iterator[Path]:
        """PostgreSQL's files lie elsewhere when its user cannot reach this directory."""
        for place in {self.var, Postgres(self.var / "postgres", 0).home}:
            yield from (path for path in place.rglob("*") if path.is_file() and not path.is_symlink())
