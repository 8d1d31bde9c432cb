"""Merkle trees after RFC 6962: hashes, appending, proofs and the two verifiers. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
Place = tuple[int, int]  # level, index within the level
Span = tuple[int, int]  # first leaf, one after the last


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Join complete subtrees, largest first, into the hash of what they make up together."""
    if not hashes:
        return EMPTY_ROOT
    joined = hashes[-1]
    for left in reversed(hashes[:-1]):
        joined = node_hash(left, joined)
    return joined


@dataclass
class Frontier:
    """The complete subtrees of a growing tree, largest first: all that appending needs to know."""

    size: int = 0
    hashes: list[bytes] = field(default_factory=list)

    @classmethod
    def from_bytes(cls, size: int, raw: bytes) -> Frontier:
        return cls(size, [raw[at : at + HASH_BYTES] for at in range(0, len(raw), HASH_BYTES)])

    def to_bytes(self) -> bytes:
        return b"".join(self.hashes)

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf hash; return the subtrees that it completes as (level, index, hash)."""
        completed = []
        level, index, self.size = 0, self.size, self.size + 1
        while index & 1:
            leaf = node_hash(self.hashes.pop(), leaf)
            level, index = level + 1, index >> 1
            completed.append((level, index, leaf))
        self.hashes.append(leaf)
        return completed

    def root(self) -> bytes:
        return fold(self.hashes)


def root(leaves: Iterable[bytes]) -> bytes:
    """Return the root over leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def subtrees(span: Span) -> list[Place]:
    """Return the complete subtrees, largest first, that make up a span starting at its own alignment."""
    first, end = span
    places = []
    while first < end:
        level = (end - first).bit_length() - 1
        places.append((level, first >> level))
        first += 1 << level
    return places


def _split(first: int, end: int) -> int:
    """Return where the left subtree of a span ends: the largest power of two below its length."""
    return first + (1 << ((end - first - 1).bit_length() - 1))


def inclusion_spans(index: int, size: int, start: int = 0) -> list[Span]:
    """Return the spans whose hashes prove that leaf `index` is in the tree from `start` to `size`, deepest first."""
    if not 0 <= start <= index < size:
        raise ValueError("no such leaf in this tree")
    first, end, spans = start, size, []
    while end - first > 1:
        middle = _split(first, end)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((first, middle))
            first = middle
    return spans[::-1]


def consistency_spans(old: int, new: int, start: int = 0) -> list[Span]:
    """Return the spans whose hashes prove that the tree of `new` extends the one from `start` to `old`."""
    if not 0 <= start < old <= new:
        raise ValueError("no such pair of trees")
    first, end, spans, known = 0, new, [], True
    while (first, end) != (start, old):
        middle = _split(first, end)
        if old <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((first, middle))
            if start < middle:
                # Only a part of the old tree is left to be looked for: its hash is not known to who verifies.
                start, known = middle, False
            first = middle
    return ([] if known else [(first, end)]) + spans[::-1]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root_hash: bytes) -> bool:
    """Return whether the proof leads from the leaf hash to the root (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size or len(root_hash) != HASH_BYTES:
        return False
    at, last, joined = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            joined = node_hash(step, joined)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            joined = node_hash(joined, step)
        at, last = at >> 1, last >> 1
    return last == 0 and joined == root_hash


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Return whether the proof shows that the new tree extends the old one (RFC 9162, 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old in (0, new):
        # Of the empty tree nothing can be proved; its root is known.
        return not proof and old == new and old_root == new_root and (old > 0 or old_root == EMPTY_ROOT)
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    return bool(steps) and _walk(old - 1, new - 1, steps) == (old_root, new_root)


def _walk(at: int, last: int, steps: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """Rebuild both roots from a consistency proof, or None if its length does not fit."""
    while at & 1:
        at, last = at >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            return None
        if at & 1 or at == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            after = node_hash(after, step)
        at, last = at >> 1, last >> 1
    return (before, after) if last == 0 else None
