"""The exact bytes of a leaf (docs: the ledger), so that anybody can write a verifier. Pure functions."""

from __future__ import annotations

import base64
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import rfc8785

FORMAT = "daylight/v1"
SALT_BYTES = 32
Record = Mapping[str, str | int]
FIELDS = {
    "decision": {"at", "kind", "notice_sha256", "notice_version", "path", "purpose", "subject_id"},
    "access": {"action", "actor_id", "actor_role", "at", "case", "purpose", "subject_id"},
    "erasure": {"at", "certificate_sha256", "kind", "subject_id"},
}


@dataclass(frozen=True)
class Opened:
    """What opens a leaf: the record that it commits to, and the salt that hid it."""

    record: dict[str, str | int]
    salt: bytes

    def to_bytes(self) -> bytes:
        salt = base64.b64encode(self.salt).decode()
        return json.dumps({"record": self.record, "salt": salt}, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Opened:
        """Raises ValueError."""
        try:
            found = json.loads(raw)
            return cls(dict(found["record"]), base64.b64decode(found["salt"], validate=True))
        except (KeyError, TypeError) as error:
            raise ValueError("this is not an opening") from error

    def fits(self, entry: bytes) -> bool:
        """Return whether this record and salt make that leaf."""
        try:
            return hmac.compare_digest(make_entry(class_of(entry), self.record, self.salt), entry)
        except ValueError:
            return False


def opening_aad(subject_id: UUID, idx: int) -> bytes:
    """Bind an opening to its person and place, so that a moved one does not open."""
    return f"daylight/opening/{subject_id}/{idx}".encode()


def class_of(entry: bytes) -> str:
    """Return the class of a leaf; raises ValueError for bytes that are none."""
    lines = entry[:-32].decode("ascii").split("\n")
    if len(lines) != 4 or lines[0] != FORMAT or lines[1] not in FIELDS or lines[3]:
        raise ValueError("these are not the bytes of a leaf")
    datetime.strptime(lines[2], "%Y-%m-%d")  # noqa: DTZ007 (a day in UTC, by the format)
    return lines[1]


def new_salt() -> bytes:
    return secrets.token_bytes(SALT_BYTES)


def stamp(at: datetime) -> str:
    """Return a time as records have it: UTC, milliseconds."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def make_entry(cls: str, record: Record, salt: bytes) -> bytes:
    """Return the bytes of a leaf; raises ValueError for a record that is not of its class."""
    _check(cls, record)
    day = datetime.fromisoformat(str(record["at"])).strftime("%Y-%m-%d")
    commitment = hmac.digest(salt, rfc8785.dumps(dict(record)), "sha256")
    return f"{FORMAT}\n{cls}\n{day}\n".encode() + commitment


def _check(cls: str, record: Record) -> None:
    if set(record) != FIELDS.get(cls):
        raise ValueError(f"a record of class {cls} has other fields")
    if any(not _typed(name, value) for name, value in record.items()):
        raise ValueError(f"a record of class {cls} has a value of another type")


def _typed(name: str, value: Any) -> bool:
    wanted = int if name == "notice_version" else str
    return isinstance(value, wanted) and not isinstance(value, bool)
