"""The step of a copy that adds the receipts: of every entry of the log about the person, and what verifies them."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from consent import checkpoints, ledger, receipts, verify_receipt
from consent.models import Checkpoint, Decision, Opening
from consent.receipts import Receipt
from portal.rights import bundle
from portal.rights.bundle import Piece
from portal.rights.models import SubjectRequest
from portal.rights.receipts import evidence
from portal.rights.turn import Turn
from portal.rights.values import Cursor

FOLDER = "receipts/"
SCRIPT, KEYS = f"{FOLDER}verify_receipt.py", f"{FOLDER}ledger.vkey"
# So many entries lie on one shelf.
TOGETHER = 200
# Where their shelves stand: the first, which has what verifies them as well, and the others, each under the number of
# its first entry; behind all others.
SHELVES = 4_000_000
CHUNK_SECONDS = 8.0


def write_receipts(request: SubjectRequest, cursor: Cursor) -> Cursor | None:
    """Write as many as fit into some seconds, oldest first; what is pending has its JSON-LD alone."""
    entries = Opening.objects.filter(subject_id=request.subject_id).order_by("leaf_idx")
    left = list(entries.filter(leaf_idx__gt=cursor.get("after", -1)).values_list("leaf_idx", flat=True))
    files = {} if cursor else _verifiers()
    writer = Writer.of(Turn.of(request), _checkpoint(left, sign=not cursor))
    ends, done = time.monotonic() + CHUNK_SECONDS, cursor.get("done", 0)
    for start in range(0, len(left), TOGETHER):
        some = left[start : start + TOGETHER]
        shelf = SHELVES - 1 if files else SHELVES + some[0]
        files |= {path: bundle.whole(path, data, 1) for path, data in writer.files(some)}
        bundle.put_shelf(request, shelf, files)
        files = {}
        if time.monotonic() > ends and some[-1] != left[-1]:
            return {"after": some[-1], "done": done + start + len(some), "total": done + len(left)}
    if files:
        bundle.put_shelf(request, SHELVES - 1, files)
    return None


def _checkpoint(indices: Sequence[int], *, sign: bool) -> Checkpoint | None:
    """Return the newest checkpoint; have one signed that covers all of these, if it does not and the key can be read.

    A copy without some proofs is better than none; they are marked as pending.
    """
    found = receipts.newest()
    if not (sign and indices) or (found and max(indices) < found.size):
        return found
    with suppress(OSError):
        ledger.settle_and_sign()
    return receipts.newest()


def _verifiers() -> dict[str, Piece]:
    """Return the files that verify the others."""
    files = {SCRIPT: bundle.whole(SCRIPT, Path(verify_receipt.__file__).read_bytes(), 1)}
    if checkpoints.vkey_path().exists():
        keys = checkpoints.vkey_path().read_bytes()
        files[KEYS] = bundle.whole(KEYS, keys, len(keys.splitlines()))
    return files


@dataclass(frozen=True)
class Writer:
    """Writes the receipts of one person; whatever they share is read once."""

    checkpoint: Checkpoint | None
    decisions: Mapping[int, Decision]
    answers: evidence.Writer

    @classmethod
    def of(cls, turn: Turn, checkpoint: Checkpoint | None) -> Writer:
        by_entry = {each.leaf_idx: each for each in turn.decisions}
        return cls(checkpoint, by_entry, evidence.Writer.of_all(turn))

    def files(self, indices: Collection[int]) -> Iterator[tuple[str, bytes]]:
        """Yield the proofs of these entries, and the JSON-LD of those that are this person's decisions."""
        issued = receipts.issue_by(self.checkpoint, indices)
        yield from _proofs(issued)
        for idx in indices:
            if decision := self.decisions.get(idx):
                yield f"{FOLDER}{idx}.jsonld", self.answers.write(decision, issued.get(idx))


def files_of(subject_id: UUID, indices: Sequence[int]) -> Iterator[tuple[str, bytes]]:
    """Yield the same of any number of entries."""
    writer = Writer.of(Turn(subject_id), receipts.newest())
    for start in range(0, len(indices), TOGETHER):
        yield from writer.files(indices[start : start + TOGETHER])


def _proofs(issued: Mapping[int, Receipt | None]) -> Iterator[tuple[str, bytes]]:
    for idx, receipt in sorted(issued.items()):
        if receipt is not None:
            yield f"{FOLDER}{idx}.tlog-proof", receipt.text.encode()
