"""The keys of one month as bytes: padded, so that its size does not tell on how many days somebody worked."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import reduce

from portal.vault.cipher import ID_BYTES, SECRET_BYTES, Key

PAGE = 2048  # holds a whole month: 31 days and the volume


@dataclass(frozen=True)
class Entries:
    """Named keys; of several under one name the first seals, and all of them open."""

    pairs: tuple[tuple[str, Key], ...] = ()

    @classmethod
    def decode(cls, data: bytes) -> Entries:
        pairs, at = [], 0
        while at < len(data) and data[at]:
            start = at + 1 + data[at]
            middle, end = start + ID_BYTES, start + ID_BYTES + SECRET_BYTES
            pairs.append((data[at + 1 : start].decode(), Key(data[start:middle], data[middle:end])))
            at = end
        return cls(tuple(pairs))

    def encode(self) -> bytes:
        body = b"".join(_one(name, key) for name, key in self.pairs) + b"\0"
        return body + bytes(-len(body) % PAGE)

    def named(self, name: str) -> Key | None:
        return next((key for each, key in self.pairs if each == name), None)

    def with_new(self, name: str) -> Entries:
        """Add a key under this name where there is none."""
        return self if self.named(name) else Entries((*self.pairs, (name, Key.new())))

    def with_all(self, names: Iterable[str]) -> Entries:
        """Do the same for several names, in the order of their names."""
        return reduce(Entries.with_new, sorted(names), self)

    def joined(self, older: Entries, without: Collection[str]) -> Entries:
        """Add another list's keys after ours, but for some names; those that are here already stay once."""
        have = {key.id for _name, key in self.pairs}
        kept = [pair for pair in older.pairs if pair[0] not in without and pair[1].id not in have]
        return Entries((*self.pairs, *kept))

    def dropped(self, name: str) -> Entries:
        return Entries(tuple(pair for pair in self.pairs if pair[0] != name))


def _one(name: str, key: Key) -> bytes:
    encoded = name.encode()
    return bytes([len(encoded)]) + encoded + key.id + key.secret
