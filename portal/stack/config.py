"""What `make run` was asked for, read from the environment once."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from portal import env

PROJECT = Path(__file__).resolve().parent.parent.parent
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class CannotStart(Exception):
    """Something that the person at the terminal can mend; its text says how."""


@dataclass(frozen=True)
class Config:
    """Where the stack keeps its files and where it answers."""

    var: Path
    host: str
    port: int
    origin: str
    keys: Path
    demo: bool
    staff_second_factor: bool

    @classmethod
    def read(cls) -> Config:
        port = env.number("PORT", 8000)
        demo = env.flag("DAYLIGHT_DEMO", True)
        var = Path(env.text("DAYLIGHT_VAR", str(PROJECT / "var"))).resolve()
        return cls(
            var=var,
            keys=Path(env.text("DAYLIGHT_KEY_DIR", str(var / "keys"))),
            host=env.text("HOST", "127.0.0.1"),
            port=port,
            origin=env.text("DAYLIGHT_ORIGIN", f"http://localhost:{port}"),
            demo=demo,
            staff_second_factor=env.flag("STAFF_SECOND_FACTOR", not demo),
        )

    def check(self) -> None:
        """Refuse what would be unsafe or could not work, before anything is started."""
        if urlsplit(self.origin).scheme != "https" and self.host not in LOOPBACK:
            message = (
                f"HOST={self.host} without https: sign-ins would cross the network in clear. "
                "Set DAYLIGHT_ORIGIN=https://... behind a proxy that does TLS, or leave HOST out."
            )
            raise CannotStart(message)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.host if self.host != "localhost" else "127.0.0.1", self.port))
            except OSError as error:
                message = f"Port {self.port} is taken. Choose another: PORT=8123 make run"
                raise CannotStart(message) from error

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment that every process of the stack gets."""
        return {
            **os.environ,
            "DAYLIGHT_VAR": str(self.var),
            "DAYLIGHT_ORIGIN": self.origin,
            "DAYLIGHT_DEMO": "1" if self.demo else "0",
            "STAFF_SECOND_FACTOR": "1" if self.staff_second_factor else "0",
            "DAYLIGHT_HOST": self.host,
            "DAYLIGHT_PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": str(PROJECT),
            **more,
        }
