"""Takes an erasure's scope out of the store: counts it, writes what stays under new keys, and looks again."""

from __future__ import annotations

from collections import Counter
from datetime import date
from uuid import UUID

from consent.values import Scope


def touched_days(subject_id: UUID, scope: Scope) -> list[date]:
    """Return the days that may hold something in the scope."""
    raise NotImplementedError


def touched_keys(subject_id: UUID, scope: Scope) -> set[tuple[str, str]]:
    """Return the (month, name) of every key under which something in the scope may be sealed."""
    raise NotImplementedError


def rewrite_day(subject_id: UUID, day: date, scope: Scope, asked_ms: int, epoch: int) -> int:
    """Write what stays of a day under the epoch's key and delete the rest; return how many events went. Safe to repeat."""
    raise NotImplementedError


def rewrite_volume(subject_id: UUID, month: str, scope: Scope, epoch: int) -> None:
    """Write a month's counts, and the last apps in front, without the scope under the epoch's key. Safe to repeat."""
    raise NotImplementedError


def count_matching(subject_id: UUID, scope: Scope, asked_ms: int) -> Counter[str]:
    """Return how many events a category would go; `keystroke_content` counts characters whose event stays."""
    raise NotImplementedError


def residue(subject_id: UUID, scope: Scope, asked_ms: int) -> int:
    """Return how many events in the scope any store still yields: blocks, every object of the person, counts."""
    raise NotImplementedError
