"""The step of a copy that adds the receipts: of every entry of the log about the person, and what verifies them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from uuid import UUID

from consent import checkpoints, ledger, receipts, verify_receipt
from consent.models import Decision, Opening
from consent.receipts import Receipt
from portal.rights import bundle
from portal.rights.models import SubjectRequest
from portal.rights.receipts import evidence
from portal.rights.values import Cursor

FOLDER = "receipts/"
SCRIPT, KEYS = f"{FOLDER}verify_receipt.py", f"{FOLDER}ledger.vkey"
TOGETHER = 50
# Where their shelves stand, each under the number of its first entry; behind all others.
SHELVES = 4_000_000
CHUNK_SECONDS = 8.0


def write_receipts(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Write as many as fit into some seconds, oldest first; what is pending has its JSON-LD alone."""
    entries = Opening.objects.filter(subject_id=request.subject_id).order_by("leaf_idx")
    left = list(entries.filter(leaf_idx__gt=cursor.get("after", -1)).values_list("leaf_idx", flat=True))
    if not cursor:
        _begin(request, left)
    ends, done = time.monotonic() + CHUNK_SECONDS, cursor.get("done", 0)
    for start in range(0, len(left), TOGETHER):
        some = left[start : start + TOGETHER]
        files = {path: bundle.whole(path, data, 1) for path, data in files_of(request.subject_id, some)}
        bundle.put_shelf(request, SHELVES + some[0], files)
        if time.monotonic() > ends and some[-1] != left[-1]:
            return {"after": some[-1], "done": done + start + len(some), "total": done + len(left)}
    return None


def _begin(request: SubjectRequest, indices: Collection[int]) -> None:
    """Have a checkpoint signed that covers them all, if the key can be read, and add what verifies them."""
    if indices and max(indices) >= evidence.newest_size():
        # A copy without some proofs is better than none; they are marked as pending.
        with suppress(OSError):
            ledger.settle_and_sign()
    files = {SCRIPT: bundle.whole(SCRIPT, Path(verify_receipt.__file__).read_bytes(), 1)}
    if checkpoints.vkey_path().exists():
        keys = checkpoints.vkey_path().read_bytes()
        files[KEYS] = bundle.whole(KEYS, keys, len(keys.splitlines()))
    bundle.put_shelf(request, SHELVES - 1, files)


def files_of(subject_id: UUID, indices: Collection[int]) -> Iterator[tuple[str, bytes]]:
    """Yield the proofs of these entries, and the JSON-LD of those that are this person's decisions."""
    issued = receipts.issue_many(indices)
    yield from _proofs(issued)
    decisions = list(Decision.objects.filter(leaf_idx__in=indices, subject_id=subject_id))
    writer = evidence.Writer.of(decisions, subject_id)
    for each in decisions:
        yield f"{FOLDER}{each.leaf_idx}.jsonld", writer.write(each, issued.get(each.leaf_idx))


def _proofs(issued: Mapping[int, Receipt | None]) -> Iterator[tuple[str, bytes]]:
    for idx, receipt in sorted(issued.items()):
        if receipt is not None:
            yield f"{FOLDER}{idx}.tlog-proof", receipt.text.encode()
