"""What the outbox needs from outside: whom a subject_id is reached at, asked only when a mail is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True)
class Addressee:
    """Where a mail goes, and in which language."""

    address: str
    language: str


class Directory(Protocol):
    def find(self, subject_id: UUID) -> Addressee | None:
        """Return None for somebody who is no longer to be written to."""
        ...


class NobodyKnown:
    def find(self, subject_id: UUID) -> Addressee | None:
        return None


@dataclass
class Installed:
    directory: Directory


installed = Installed(NobodyKnown())


def install(*, directory: Directory) -> None:
    """Hand in the house's directory; called once, when the application starts."""
    installed.directory = directory
