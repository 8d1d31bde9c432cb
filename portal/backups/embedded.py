"""The embedded PostgreSQL for a command that runs while Daylight does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.db import connections

from portal import env
from portal.stack import roles
from portal.stack.postgres import Postgres, free_port

NAMES = {"default": ("DATABASE_URL", "daylight"), "keys": ("KEYS_DATABASE_URL", "daylight_keys")}


@contextmanager
def started(var: Path) -> Iterator[None]:
    """Start it where a database has no address of its own, and point the connections at it until the block ends."""
    mine = {alias: name for alias, (variable, name) in NAMES.items() if not env.text(variable)}
    if not mine:
        yield
        return
    logs = var / "log"
    logs.mkdir(parents=True, exist_ok=True)
    server = Postgres(var / "postgres", free_port())
    server.initialise()
    server.start(log=logs / "postgres.log")
    try:
        for alias, name in mine.items():
            server.create_database(name)
            _point(alias, server.url(name))
            # A dump names the role that web and workers use.
            roles.app_url(server.url(name), var)
        yield
    finally:
        for alias in mine:
            connections[alias].close()
        server.stop()


def _point(alias: str, url: str) -> None:
    connections[alias].close()
    connections[alias].settings_dict.update(env.database(url, pooled=False))
