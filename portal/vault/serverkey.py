"""The server's own key, outside both databases: digests nobody can guess at, and small secrets at rest."""

from __future__ import annotations

import base64
import hashlib
import hmac as standard_hmac
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from portal.vault.cipher import ID_BYTES, SECRET_BYTES, Damaged, Key, aad, open_sealed, seal

_PLACE = aad("server-secret")


def hmac(data: bytes) -> bytes:
    """Return a digest that only this installation can make or test."""
    return standard_hmac.digest(_derived(b"daylight digests", SECRET_BYTES), data, hashlib.sha256)


def seal_secret(text: str) -> str:
    return base64.b64encode(seal(_sealing_key(), text.encode(), _PLACE)).decode()


def open_secret(sealed: str) -> str:
    """Return what was sealed; raises Damaged or WrongKey."""
    try:
        blob = base64.b64decode(sealed, validate=True)
    except ValueError:
        raise Damaged("not a sealed text") from None
    return open_sealed(_sealing_key(), blob, _PLACE).decode()


def seal_bytes(data: bytes, bound: bytes) -> bytes:
    """Seal what belongs to nobody known yet, and so has no person's key; bound to its place by `cipher.aad`."""
    return seal(_sealing_key(), data, _PLACE + bound)


def open_bytes(blob: bytes, bound: bytes) -> bytes:
    """Return what was sealed; raises Damaged or WrongKey."""
    return open_sealed(_sealing_key(), bytes(blob), _PLACE + bound)


def _sealing_key() -> Key:
    return Key(_derived(b"daylight key id", ID_BYTES), _derived(b"daylight secrets", SECRET_BYTES))


def _derived(use: bytes, length: int) -> bytes:
    path = Path(settings.SERVER_KEY_FILE)
    return _derive(path, path.stat().st_mtime_ns, use, length)


@lru_cache(maxsize=8)
def _derive(path: Path, _written: int, use: bytes, length: int) -> bytes:
    secret = bytes.fromhex(path.read_text(encoding="ascii"))
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=use).derive(secret)
