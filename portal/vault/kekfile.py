"""The key-encryption keys: a file in two live copies, outside both databases and every backup."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from portal.vault.cipher import Key
from portal.vault.files import write_atomically


class NoKek(Exception):
    """Neither copy of the file can be read."""


@dataclass(frozen=True)
class Keks:
    """The keys there are, and the one to wrap with."""

    newest: bytes
    keys: dict[bytes, Key]

    @classmethod
    def begin(cls) -> Keks:
        first = Key.new()
        return cls(first.id, {first.id: first})

    def holding(self, key: Key) -> Keks:
        return replace(self, keys={**self.keys, key.id: key})

    def naming(self, key: Key) -> Keks:
        return replace(self, newest=key.id)

    def only_newest(self) -> Keks:
        return replace(self, keys={self.newest: self.keys[self.newest]})


def read(paths: Sequence[Path]) -> Keks:
    """Return what the copies hold together; the first that can be read says which is newest.

    They differ only where a renewal was cut short: the first is always written before the second.
    """
    copies = [copy for path in paths if (copy := _read(path))]
    if not copies:
        raise NoKek(f"no key-encryption key in {' or '.join(map(str, paths))}")
    held = {key.id: key for copy in reversed(copies) for key in copy.keys.values()}
    return Keks(copies[0].newest, held)


def write(paths: Sequence[Path], keks: Keks) -> None:
    for path in paths:
        write_atomically(path, [encode(keks)])


def signature(paths: Sequence[Path]) -> tuple[object, ...]:
    """Return what changes whenever a copy is written; an absent one counts."""
    return tuple(_stat(path) for path in paths)


def _stat(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def encode(keks: Keks) -> bytes:
    held = {key.id.hex(): key.secret.hex() for key in keks.keys.values()}
    return json.dumps({"newest": keks.newest.hex(), "keys": held}, indent=1).encode()


def _read(path: Path) -> Keks | None:
    """Return one copy, or None if it is missing or damaged; the other one is there for that."""
    try:
        raw = json.loads(path.read_bytes())
        held = [Key(bytes.fromhex(name), bytes.fromhex(secret)) for name, secret in raw["keys"].items()]
        keks = Keks(bytes.fromhex(raw["newest"]), {key.id: key for key in held})
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return keks if keks.newest in keks.keys else None
