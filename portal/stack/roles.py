"""The database role that web and workers use: neither owner nor superuser."""

from __future__ import annotations

import secrets
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from portal.stack.config import CannotStart

ROLE = "daylight_app"


def _password(var: Path) -> tuple[str, bool]:
    """Return this installation's password of the role, and whether it was made just now."""
    path = var / "app.password"
    made = not path.exists()
    if made:
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    return path.read_text(encoding="utf-8"), made


def app_url(owner_url: str, var: Path) -> str:
    """Make the role in the owner's cluster where it is not there, and return the same database's URL as that role."""
    password, made = _password(var)
    with psycopg.connect(owner_url, autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone()
        if not known:
            command = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(ROLE), sql.Literal(password))
            connection.execute(command)
    url = _with_user(owner_url, password)
    try:
        psycopg.connect(url, connect_timeout=10).close()
    except psycopg.OperationalError as error:
        message = (
            f"The role {ROLE} exists in this cluster, but the password in {var} does not fit. "
            "Give its URL as DATABASE_APP_URL and KEYS_DATABASE_APP_URL."
        )
        raise CannotStart(message) from error
    return url


def _with_user(url: str, password: str) -> str:
    parts = urlsplit(url)
    place = parts.netloc.rsplit("@", 1)[-1]
    return urlunsplit(parts._replace(netloc=f"{ROLE}:{quote(password)}@{place}"))
