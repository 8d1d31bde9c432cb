"""Days that a person marked, sealed in their gate row: nothing at all is collected on them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date
from uuid import UUID

from consent.ports import CannotOpen, installed

NO_DAYS: frozenset[date] = frozenset()
# The length of what is sealed tells only how many times so many days there may be.
STEP = 512


def sealed(subject_id: UUID, days: Iterable[date]) -> bytes:
    """Return the days as the gate row has them; nothing where there are none."""
    named = sorted({day.isoformat() for day in days})
    if not named:
        return b""
    text = json.dumps(named, separators=(",", ":"))
    return installed.sealer.seal(subject_id, text.ljust(-(-len(text) // STEP) * STEP).encode(), _aad(subject_id))


def opened(subject_id: UUID, blob: bytes) -> frozenset[date] | None:
    """Return the days, or None where nobody can read them any more."""
    if not blob:
        return NO_DAYS
    try:
        data = installed.sealer.open(subject_id, blob, _aad(subject_id))
    except CannotOpen:
        return None
    return frozenset(map(date.fromisoformat, json.loads(data)))


def _aad(subject_id: UUID) -> bytes:
    return f"daylight/days-off/{subject_id}".encode()
