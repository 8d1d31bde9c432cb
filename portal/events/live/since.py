"""From where on a live page counts: handed to the page sealed, and back, so that no watching is written down."""

from __future__ import annotations

import base64
import binascii
from uuid import UUID

import msgspec
from msgspec import Struct

from portal.vault import cipher, keys

LONGEST = 4_000


class Since(Struct, array_like=True, frozen=True):
    """What there was when the page was opened, at `at`; which block was seen last, and when it was new.

    `said` and `shown` are digests of what the page says, so that nothing is said or drawn twice.
    """

    at: int
    kept: dict[str, int]
    dropped: dict[str, int]
    first: int
    last: int = 0
    last_at: int = 0
    said: str = ""
    shown: str = ""


def seal(subject_id: UUID, since: Since) -> str:
    sealed = keys.seal_evidence(subject_id, msgspec.msgpack.encode(since), _bound(subject_id))
    return base64.urlsafe_b64encode(sealed).decode().rstrip("=")


def read(subject_id: UUID, text: str) -> Since | None:
    """Return what a page was handed; None for what this person was not."""
    if not text or len(text) > LONGEST:
        return None
    try:
        blob = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        opened = keys.open_evidence(subject_id, blob, _bound(subject_id))
        return msgspec.msgpack.decode(opened, type=Since)
    except (ValueError, binascii.Error, cipher.Damaged, cipher.WrongKey, msgspec.ValidationError):
        return None


def _bound(subject_id: UUID) -> bytes:
    return cipher.aad("live", subject_id)
