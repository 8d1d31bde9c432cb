"""What the outbox needs from outside: whom a subject_id is reached at, and what a program may be told."""

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


class Programs(Protocol):
    def name(self, client_id: str) -> str:
        """Return what a program is called, empty if there is none any more."""
        ...

    def may_read(self, client_id: str, scope: str, *, answers: bool) -> bool:
        """Return whether a program may read now what the scope covers, and with `answers` how people answered."""
        ...

    def operators(self) -> list[UUID]:
        """Return who runs the system, to be written to."""
        ...


class NobodyKnown:
    def find(self, *named: object) -> Addressee | None:
        return None


class NoPrograms:
    def name(self, client_id: str) -> str:
        return ""

    def may_read(self, client_id: str, scope: str, *, answers: bool) -> bool:
        return False

    def operators(self) -> list[UUID]:
        return []


@dataclass
class Installed:
    directory: Directory
    recipients: Recipients
    programs: Programs


installed = Installed(NobodyKnown(), NobodyKnown(), NoPrograms())


def install(*, directory: Directory, recipients: Recipients, programs: Programs) -> None:
    """Hand in the house's directories; called once, when the application starts."""
    installed.directory, installed.recipients, installed.programs = directory, recipients, programs
