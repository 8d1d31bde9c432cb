"""What consent needs from outside, as Protocols; alone it runs with the plain ones below."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol
from uuid import UUID


class CannotOpen(Exception):
    """A sealed opening is damaged, was moved, or its key is gone."""


class Sealer(Protocol):
    def warm(self, subject_ids: Collection[UUID]) -> None:
        """Make ready for many people at once; sealing must work without it."""
        ...

    def seal(self, subject_id: UUID, data: bytes, aad: bytes) -> bytes: ...

    def open(self, subject_id: UUID, blob: bytes, aad: bytes) -> bytes:
        """Raises CannotOpen."""
        ...


class Trail(Protocol):
    def record_own(self, action: str, subject_ids: Collection[UUID], facts: Mapping[str, Any]) -> None:
        """Write down for each of these people that they did this themselves."""
        ...

    def record(self, action: str, subject_id: UUID | None, actor: str, facts: Mapping[str, Any]) -> None: ...


class Publisher(Protocol):
    def publish(self, note: str) -> None: ...


class PlainSealer:
    """Seals nothing, but notices when an opening was moved."""

    def warm(self, subject_ids: Collection[UUID]) -> None:
        pass

    def seal(self, subject_id: UUID, data: bytes, aad: bytes) -> bytes:
        return sha256(subject_id.bytes + aad).digest() + data

    def open(self, subject_id: UUID, blob: bytes, aad: bytes) -> bytes:
        if blob[:32] != sha256(subject_id.bytes + aad).digest():
            raise CannotOpen
        return blob[32:]


class NoTrail:
    def record_own(self, action: str, subject_ids: Collection[UUID], facts: Mapping[str, Any]) -> None:
        pass

    def record(self, action: str, subject_id: UUID | None, actor: str, facts: Mapping[str, Any]) -> None:
        pass


class NoPublisher:
    def publish(self, note: str) -> None:
        pass


@dataclass
class Installed:
    sealer: Sealer
    trail: Trail
    publisher: Publisher


installed = Installed(PlainSealer(), NoTrail(), NoPublisher())


def install(*, sealer: Sealer | None = None, trail: Trail | None = None, publisher: Publisher | None = None) -> None:
    """Hand in what the house has; called once, when the application starts."""
    installed.sealer = sealer or installed.sealer
    installed.trail = trail or installed.trail
    installed.publisher = publisher or installed.publisher
