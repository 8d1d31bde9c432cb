"""PostgreSQL and Valkey that a drill holds in its own hands, so that it can kill them under a running stack."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from portal.stack.postgres import Postgres, free_port
from portal.stack.valkey import Valkey


class Services:
    """`with Services(place) as services: Stack(var, **services.settings)`."""

    def __init__(self, place: Path) -> None:
        self.postgres = Postgres(place / "own-postgres", free_port())
        self.valkey = Valkey(place / "own-valkey", free_port())

    def __enter__(self) -> Services:
        self.postgres.initialise()
        self.postgres.start()
        for name in ("daylight", "daylight_keys"):
            self.postgres.create_database(name)
        self.valkey.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.valkey.stop()
        self.postgres.stop()

    @property
    def settings(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.postgres.url("daylight"),
            "KEYS_DATABASE_URL": self.postgres.url("daylight_keys"),
            "REDIS_URL": self.valkey.url,
        }

    def crash_postgres(self) -> None:
        """Kill every process of the server at once, as a power cut would, and start it again."""
        os.killpg(self.postgres.process.pid, signal.SIGKILL)
        self.postgres.process.wait()
        self.postgres.start()

    def crash_valkey(self, *, keep: bool) -> None:
        """Kill the broker and start it again, with what its file held or with nothing."""
        self.valkey.process.kill()
        self.valkey.process.wait()
        if not keep:
            for path in self.valkey.root.rglob("appendonly*"):
                if path.is_file():
                    path.unlink()
        self.valkey.start()

    def freeze_valkey(self) -> None:
        self.valkey.process.send_signal(signal.SIGSTOP)

    def thaw_valkey(self) -> None:
        self.valkey.process.send_signal(signal.SIGCONT)
