"""Make the keys that live outside the databases, where there are none; nothing is ever overwritten."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.core.management.base import BaseCommand

from portal.vault import kekfile
from portal.vault.files import create

RSA_BITS = 3072


class Command(BaseCommand):
    """Says which files it made."""

    help = __doc__
    # The other parts of the site cannot be loaded before the keys are there.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        makers: dict[Path, Callable[[], bytes]] = {
            settings.SERVER_KEY_FILE: lambda: secrets.token_hex(32).encode(),
            settings.SECRET_KEY_FILE: lambda: secrets.token_urlsafe(64).encode(),
            settings.OIDC_KEY_FILE: _rsa_key,
        }
        for path, make in makers.items():
            self._make(path, make)
        self._make_keks()

    def _make(self, path: Path, make: Callable[[], bytes]) -> None:
        if not path.exists() and create(path, make()) and self.verbosity:
            self.stdout.write(f"made {path}")

    def _make_keks(self) -> None:
        """Make both copies, or the one that is missing from the other: a new key would open nothing."""
        there = any(path.exists() for path in settings.KEK_FILES)
        keks = kekfile.read(settings.KEK_FILES) if there else kekfile.Keks.begin()
        for path in settings.KEK_FILES:
            self._make(path, lambda: kekfile.encode(keks))

    def execute(self, *args: Any, **options: Any) -> str | None:
        self.verbosity = int(options["verbosity"])
        return super().execute(*args, **options)


def _rsa_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
