"""What the outbox needs from outside: whom a subject_id is reached at, asked only when a mail is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True)
class Addressee:
    """Where a mail goes, in which language, and what it says that is nowhere written down."""

    address: str
    language: str
    says: Mapping[str, str] = field(default_factory=dict)


class Directory(Protocol):
    def find(self, subject_id: UUID) -> Addressee | None:
        """Return None for somebody who is no longer to be written to."""
        ...


class Recipients(Protocol):
    def find(self, key: str, about: str) -> Addressee | None:
        """Return where a recipient of the register is written to about this, None where that is no longer so."""
        ...


class NobodyKnown:
    def find(self, *named: object) -> Addressee | None:
        return None


@dataclass
class Installed:
    directory: Directory
    recipients: Recipients


installed = Installed(NobodyKnown(), NobodyKnown())


def install(*, directory: Directory, recipients: Recipients) -> None:
    """Hand in the house's directories; called once, when the application starts."""
    installed.directory, installed.recipients = directory, recipients
