"""Seals for whoever holds a code, who need not be there: an own pair of keys, the private one sealed under the code."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from portal.rights import codes
from portal.vault.cipher import ID_BYTES, SECRET_BYTES, Key, aad, open_sealed, seal

_WRAPS = aad("access code", "private key")
_HOLDS = aad("access code", "keepsake")
PUBLIC_BYTES = 32


def make(code: str) -> tuple[bytes, bytes]:
    """Return a new public key, and the private one as only this code opens it."""
    private = X25519PrivateKey.generate()
    return private.public_key().public_bytes_raw(), seal(_of_code(code), private.private_bytes_raw(), _WRAPS)


def pass_on(wrapped: bytes, old: str, new: str) -> bytes:
    """Return the private key as the new code opens it; raises WrongKey or Damaged."""
    return seal(_of_code(new), open_sealed(_of_code(old), wrapped, _WRAPS), _WRAPS)


def put_in(public: bytes, data: bytes) -> bytes:
    """Seal for whoever has the private key."""
    ours = X25519PrivateKey.generate()
    shown = ours.public_key().public_bytes_raw()
    shared = ours.exchange(X25519PublicKey.from_public_bytes(public))
    return shown + seal(_derived(shared, shown + public), data, _HOLDS)


def take_out(wrapped: bytes, code: str, blob: bytes) -> bytes:
    """Return what was sealed; raises WrongKey or Damaged."""
    private = X25519PrivateKey.from_private_bytes(open_sealed(_of_code(code), wrapped, _WRAPS))
    shown, sealed = blob[:PUBLIC_BYTES], blob[PUBLIC_BYTES:]
    shared = private.exchange(X25519PublicKey.from_public_bytes(shown))
    return open_sealed(_derived(shared, shown + private.public_key().public_bytes_raw()), sealed, _HOLDS)


def _of_code(code: str) -> Key:
    # 160 random bits need no slow hash.
    return _derived(codes.tidy(code).encode(), b"daylight access code")


def _derived(secret: bytes, use: bytes) -> Key:
    made = HKDF(algorithm=SHA256(), length=ID_BYTES + SECRET_BYTES, salt=None, info=use).derive(secret)
    return Key(made[:ID_BYTES], made[ID_BYTES:])
