"""What the environment says: typed readers, and the service URLs a running stack left behind."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

IDLE_SECONDS = 300


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, default)


def flag(name: str, default: bool) -> bool:
    return text(name, "1" if default else "0").lower() in {"1", "true", "yes", "on"}


def number(name: str, default: int) -> int:
    return int(text(name, str(default)))


def names(name: str, default: str = "") -> list[str]:
    """Return what stands between commas or spaces, in lower case."""
    return text(name, default).lower().replace(",", " ").split()


def stack(var: Path) -> dict[str, Any]:
    """Return what `make run` wrote of its services, so that commands work in a second terminal."""
    try:
        return json.loads((var / "stack.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, PermissionError):
        return {}


def owners(url: str, var: Path) -> str:
    """Return an address in the embedded cluster as that of its owner; any other as it is."""
    password = var / "postgres" / "owner.password"
    if not url or not password.exists():
        return url
    parts = conninfo_to_dict(url) | {"user": "daylight", "password": password.read_text(encoding="utf-8").strip()}
    return make_conninfo(**parts)


def database(url: str, *, pooled: bool) -> dict[str, Any]:
    """Turn a libpq URL into Django's dictionary; what Django has no key for goes to OPTIONS."""
    parts = conninfo_to_dict(url) if url else {}
    keys = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    named = {django: str(parts.pop(libpq, "")) for libpq, django in keys.items()}
    # A process that froze inside a transaction must not hold its locks for ever.
    patience = {"options": f"-c idle_in_transaction_session_timeout={IDLE_SECONDS}s"}
    pool = {"pool": {"min_size": 1, "max_size": 16, "timeout": 10}} if pooled else {}
    return {
        "ENGINE": "django.db.backends.postgresql",
        **named,
        "OPTIONS": {**patience, **parts, **pool},
        "CONN_MAX_AGE": 0 if pooled else 60,
        "CONN_HEALTH_CHECKS": True,
    }
