"""A person's keys: for evidence, and a key per day in sealed month lists under a data key per epoch."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from portal.vault.cipher import Key

Name = tuple[str, str]  # (month, name): ("2026-11", "2026-11-21"), ("2026-11", "volume"), ("bundle", uuid)


class KeyGone(Exception):
    """There is no such key: never made, or destroyed."""


def make_person(subject_id: UUID) -> None:
    """Make evidence and data key of a person, commited at once; safe to repeat."""


def seal_evidence(subject_id: UUID, data: bytes, aad: bytes) -> bytes: ...


def open_evidence(subject_id: UUID, blob: bytes, aad: bytes) -> bytes: ...


def key_for(subject_id: UUID, epoch: int, month: str, name: str) -> Key:
    """Return the key to seal with, made in its own transaction where there is none; a cached one costs no query."""


def find(subject_id: UUID, month: str, key_id: bytes) -> Key:
    """Return the key that a blob names; raises KeyGone."""


def seal_for(subject_id: UUID, epoch: int, month: str, name: str, data: bytes, aad: bytes) -> bytes: ...


def open_for(subject_id: UUID, month: str, blob: bytes, aad: bytes) -> bytes: ...


def epochs(subject_id: UUID) -> list[int]: ...


def begin_epoch(subject_id: UUID, current: int, touched: Collection[Name]) -> int:
    """Make the data key of epoch `current + 1` and new keys for what is touched; return it. Safe to repeat."""


def carry_over(subject_id: UUID, old: int, new: int, dropped: Collection[Name]) -> None:
    """Re-wrap the old epoch's other keys into the new one's lists; safe to repeat, also after the old is gone."""


def destroy_epoch(subject_id: UUID, old: int) -> None:
    """Forget an epoch's data key and lists; refuses the newest. Safe to repeat."""


def destroy_person(subject_id: UUID) -> None:
    """Forget every key of a person, evidence too. Safe to repeat."""


def drop(subject_id: UUID, month: str, name: str) -> None:
    """Forget one name's keys in every epoch, such as an expired copy's. Safe to repeat."""
