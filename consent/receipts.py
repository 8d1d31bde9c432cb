"""Receipts: a leaf, what opens it, and the proof that it is in a signed checkpoint, as one file."""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from django.db import connections, router

from consent import leaf, merkle, tree
from consent.models import Checkpoint, Opening
from consent.ports import CannotOpen, installed

FORMAT = "c2sp.org/tlog-proof@v1"
# Proofs of several leaves share most of their hashes, which are fetched together.
TOGETHER = 50
OPENED = """
SELECT leaf_idx, subject_id, sealed, entry
  FROM consent_opening JOIN consent_ledgerleaf ON idx = leaf_idx WHERE leaf_idx = ANY(%s::bigint[])
"""


@dataclass(frozen=True)
class Receipt:
    """A receipt as it is handed out; `size` is that of the checkpoint in it."""

    index: int
    kind: str
    record: leaf.Record
    size: int
    text: str


def issue(leaf_idx: int) -> Receipt | None:
    """Return the receipt of a leaf by the newest checkpoint, None while none covers it.

    Raises LookupError for a leaf that nothing opens any more.
    """
    found = issue_many([leaf_idx])
    if leaf_idx not in found:
        message = f"nothing opens leaf {leaf_idx}"
        raise LookupError(message)
    return found[leaf_idx]


def issue_many(indices: Collection[int]) -> dict[int, Receipt | None]:
    """Return the receipts of several leaves, None for the pending ones; those that nothing opens are left out."""
    return issue_by(newest(), indices)


def newest() -> Checkpoint | None:
    return Checkpoint.objects.order_by("-size").first()


def issue_by(checkpoint: Checkpoint | None, indices: Collection[int]) -> dict[int, Receipt | None]:
    """Return the same by a checkpoint that was read before."""
    if checkpoint is None:
        return dict.fromkeys(indices)
    covered = sorted(idx for idx in indices if idx < checkpoint.size)
    found: dict[int, Receipt | None] = dict.fromkeys(set(indices) - set(covered))
    for start in range(0, len(covered), TOGETHER):
        found |= _issued(covered[start : start + TOGETHER], checkpoint)
    return found


def _issued(indices: Sequence[int], checkpoint: Checkpoint) -> dict[int, Receipt]:
    opened = _opened(indices)
    proofs = _inclusions(sorted(opened), checkpoint.size)
    return {idx: _receipt(idx, *opened[idx], proof, checkpoint) for idx, proof in proofs.items()}


def _opened(indices: Sequence[int]) -> dict[int, tuple[bytes, leaf.Opened]]:
    """Return these leaves and what opens them; of an account that was forgotten, and of a damaged one, nothing."""
    with connections[router.db_for_read(Opening)].cursor() as cursor:
        cursor.execute(OPENED, [list(indices)])
        rows = cursor.fetchall()
    found = {}
    for leaf_idx, subject_id, sealed, entry in rows:
        bound = leaf.opening_aad(subject_id, leaf_idx)
        try:
            raw = installed.sealer.open(subject_id, bytes(sealed), bound)
            found[leaf_idx] = bytes(entry), leaf.Opened.from_bytes(raw)
        except (CannotOpen, ValueError):
            continue
    return found


def _inclusions(indices: Sequence[int], size: int) -> dict[int, list[bytes]]:
    """Return the proof of each leaf, all from two queries."""
    spans = {idx: merkle.inclusion_spans(idx, size) for idx in indices}
    wanted = sorted({span for each in spans.values() for span in each})
    known = dict(zip(wanted, tree.hashes(wanted), strict=True))
    return {idx: [known[span] for span in each] for idx, each in spans.items()}


def _receipt(idx: int, entry: bytes, opened: leaf.Opened, proof: Sequence[bytes], checkpoint: Checkpoint) -> Receipt:
    extra = {"entry": _text(entry), "record": opened.record, "salt": _text(opened.salt)}
    packed = json.dumps(extra, separators=(",", ":"), ensure_ascii=False).encode()
    lines = [FORMAT, f"extra {_text(packed)}", f"index {idx}", *map(_text, proof), "", checkpoint.note]
    return Receipt(idx, leaf.class_of(entry), opened.record, checkpoint.size, "\n".join(lines))


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
