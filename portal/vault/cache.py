"""Opened keys in memory: of few people, for a short time, apart for each epoch."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from uuid import UUID

from django.conf import settings

from portal.vault.cipher import Key
from portal.vault.keylist import Entries

MOST_PEOPLE = 10_000


@dataclass
class Ring:
    """The opened lists of one epoch, by month."""

    data_key: Key
    lists: dict[str, Entries] = field(default_factory=dict)

    def key(self, month: str, name: str) -> Key | None:
        entries = self.lists.get(month)
        return entries.named(name) if entries else None

    def by_id(self, month: str, key_id: bytes) -> Key | None:
        entries = self.lists.get(month)
        return next((key for _name, key in entries.pairs if key.id == key_id), None) if entries else None


@dataclass
class Known:
    """What is open of one person; forgotten as a whole, however often it was used."""

    until: float
    evidence: Key | None = None
    rings: dict[int, Ring] = field(default_factory=dict)


_people: dict[UUID, Known] = {}


def known(subject_id: UUID) -> Known:
    """Return what may be used of this person's keys without asking; empty, and to be filled, at first."""
    now = time.monotonic()
    held = _people.get(subject_id)
    if held is None or held.until <= now:
        if len(_people) >= MOST_PEOPLE:
            _people.clear()
        held = _people[subject_id] = Known(now + settings.KEY_CACHE_SECONDS)
    return held


def forget_epochs(subject_id: UUID) -> None:
    """Forget what is under any data key; the evidence key is the same in every epoch."""
    if held := _people.get(subject_id):
        held.rings = {}


def forget(subject_id: UUID) -> None:
    _people.pop(subject_id, None)
