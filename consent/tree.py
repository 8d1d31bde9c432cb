"""The Merkle tree as PostgreSQL keeps it: roots and proofs from stored subtrees, in two queries."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Q

from consent import merkle
from consent.models import LedgerLeaf, LedgerNode


def root_at(size: int) -> bytes:
    """Return the root of the first `size` leaves; raises ValueError if they are not all there."""
    return hashes([(0, size)])[0] if size else merkle.EMPTY_ROOT


def inclusion(idx: int, size: int) -> list[bytes]:
    """Return the proof that leaf `idx` is in the tree of `size`; raises ValueError."""
    return hashes(merkle.inclusion_spans(idx, size))


def consistency(old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of `new` extends that of `old`; raises ValueError."""
    return hashes(merkle.consistency_spans(old, new))


def hashes(spans: Sequence[merkle.Span]) -> list[bytes]:
    places = [merkle.subtrees(span) for span in spans]
    found = _fetch({place for each in places for place in each})
    try:
        return [merkle.fold([found[place] for place in each]) for each in places]
    except KeyError as error:
        raise ValueError("the tree is smaller, or a part of it is missing") from error


def _fetch(places: set[merkle.Place]) -> dict[merkle.Place, bytes]:
    leaves = [idx for level, idx in places if level == 0]
    nodes = [Q(level=level, idx=idx) for level, idx in places if level]
    found = {
        (0, idx): bytes(value)
        for idx, value in LedgerLeaf.objects.filter(idx__in=leaves).values_list("idx", "leaf_hash")
    }
    if nodes:
        wanted = LedgerNode.objects.filter(Q(*nodes, _connector=Q.OR))
        found |= {(level, idx): bytes(value) for level, idx, value in wanted.values_list("level", "idx", "hash")}
    return found
