"""Starts a throw-away PostgreSQL and Valkey before Django reads its settings, and stops them at the end."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from portal.stack.postgres import FAST, Postgres, free_port
from portal.stack.valkey import Valkey


def _write_oidc_key(path: Path) -> None:
    """One for the whole run: an RSA key takes longer to make than most tests."""
    path.parent.mkdir(parents=True)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _start() -> None:
    # /tmp is readable for the user that PostgreSQL runs as, whoever runs the tests.
    var = Path(tempfile.mkdtemp(prefix="daylight-test-"))
    var.chmod(0o755)
    postgres = Postgres(var / "postgres", free_port())
    postgres.initialise(durable=False)
    postgres.start(FAST)
    valkey = Valkey(var / "valkey", free_port())
    valkey.start(("--appendonly", "no"))

    def stop() -> None:
        postgres.stop()
        valkey.stop()
        shutil.rmtree(var, ignore_errors=True)
        shutil.rmtree(postgres.home, ignore_errors=True)

    atexit.register(stop)
    _write_oidc_key(var / "keys" / "oidc.pem")
    os.environ |= {
        "DAYLIGHT_VAR": str(var),
        "DATABASE_URL": postgres.url("daylight"),
        "KEYS_DATABASE_URL": postgres.url("daylight_keys"),
        "REDIS_URL": valkey.url,
        "DAYLIGHT_SECRET_KEY": "only for tests: nothing outside this run is signed with it",
        "DAYLIGHT_AS_OWNER": "1",
        "DAYLIGHT_ORIGIN": "http://localhost:8000",
        "DJANGO_ALLOW_ASYNC_UNSAFE": "1",  # Playwright keeps an event loop in the thread of the test
    }


for name in ("DATABASE_APP_URL", "KEYS_DATABASE_APP_URL", "VAULT_URL"):
    os.environ.pop(name, None)
# Each process of a parallel run has its own: a cache that one test empties must not be another's.
_start()
