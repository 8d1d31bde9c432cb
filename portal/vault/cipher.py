"""The sealed form: magic, version, key id, nonce, ciphertext; AES-256-GCM with bound context."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"DLV"
VERSION = 1
ID_BYTES = 16
SECRET_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
_PREFIX = MAGIC + bytes([VERSION])
_HEADER_BYTES = len(_PREFIX) + ID_BYTES


class Damaged(Exception):
    """This is not, or no longer, what was sealed here: damaged, moved, or of an unknown version."""


class WrongKey(Exception):
    """This was sealed under another key."""


@dataclass(frozen=True)
class Key:
    """A 256-bit key and the name under which sealed blobs refer to it."""

    id: bytes
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls) -> Key:
        return cls(os.urandom(ID_BYTES), os.urandom(SECRET_BYTES))


def aad(*parts: str | int | bytes | UUID) -> bytes:
    """Join what a blob is bound to; each part carries its length, so that no two lists give the same bytes."""
    encoded = [part if isinstance(part, bytes) else str(part).encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def seal(key: Key, data: bytes, bound: bytes) -> bytes:
    header = _PREFIX + key.id
    nonce = os.urandom(NONCE_BYTES)
    return header + nonce + AESGCM(key.secret).encrypt(nonce, data, header + bound)


def key_id_of(blob: bytes) -> bytes:
    """Return the id of the key that opens this; raises Damaged if it is nothing of ours."""
    if len(blob) < _HEADER_BYTES + NONCE_BYTES + TAG_BYTES or blob[: len(MAGIC)] != MAGIC:
        raise Damaged("not a sealed blob")
    if blob[len(MAGIC)] != VERSION:
        raise Damaged(f"sealed form {blob[len(MAGIC)]} is unknown")
    return bytes(blob[len(_PREFIX) : _HEADER_BYTES])


def open_sealed(key: Key, blob: bytes, bound: bytes) -> bytes:
    """Return what was sealed; raises WrongKey or Damaged, and never returns anything unproved."""
    blob = bytes(blob)
    if key_id_of(blob) != key.id:
        raise WrongKey(key_id_of(blob).hex())
    header, rest = blob[:_HEADER_BYTES], blob[_HEADER_BYTES:]
    try:
        return AESGCM(key.secret).decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], header + bound)
    except InvalidTag:
        raise Damaged("damaged, or not in the place it was sealed for") from None
