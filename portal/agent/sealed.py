"""Seals what lies on disk, under a key in a file of its own that only this user can read.

Whoever gets the queue without the key (a backup, a synchronised folder, a copied disk image of that folder) reads
nothing. Whoever can act as this user on this computer, or as its administrator, can read the key as well.
"""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from portal.agent.home import Home, write

KEY_BYTES = 32
NONCE_BYTES = 12


class Damaged(Exception):
    """This is not what was sealed under this key for this place."""


class Box:
    """Seals and opens; `place` says what a sealed text is for, and it opens for nothing else."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, text: bytes, place: str) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text, place.encode())

    def open(self, sealed: bytes, place: str) -> bytes:
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError):
            raise Damaged(place) from None


def box(home: Home) -> Box:
    """Return what seals here, with a new key if there is none."""
    key = home.key.read_bytes() if home.key.exists() else b""
    if len(key) != KEY_BYTES:
        key = AESGCM.generate_key(KEY_BYTES * 8)
        write(home.key, key)
    return Box(key)
