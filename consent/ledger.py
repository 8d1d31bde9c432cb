"""The Merkle log of what was decided, read and erased: the one door that writes it, and the signing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.db import connections, router, transaction
from django.utils import timezone

from consent import checkpoints, forgotten, journal, leaf, merkle, outside, tree, verification, writing
from consent.models import ONLY_ROW, Checkpoint, LedgerHead, LedgerState
from consent.note import Head, sign_note
from consent.ports import installed
from consent.values import Closed

logger = logging.getLogger(__name__)

inclusion = tree.inclusion
consistency = tree.consistency
root_at = tree.root_at
verify = verification.first_fault
Entry = tuple[str, UUID, leaf.Record]
CLOSED = "SELECT closed_reason FROM consent_ledgerstate WHERE id = %s"
HEAD = """
SELECT h.size, h.frontier, coalesce(s.closed_reason, '')
FROM consent_ledgerhead h LEFT JOIN consent_ledgerstate s ON s.id = h.id
WHERE h.id = %s FOR UPDATE OF h
"""


def append(cls: str, subject_id: UUID, record: leaf.Record) -> int:
    """Append one leaf in the caller's transaction and return its index; raises Closed."""
    return append_many([(cls, subject_id, record)])


def append_many(entries: Sequence[Entry]) -> int:
    """Append leaves in the caller's transaction; return the index of the first. Raises Closed.

    Take every other lock before: the head is the last one (gate row, key list, volume, ledger head).
    """
    opened = [leaf.Opened(dict(record), leaf.new_salt()) for _, _, record in entries]
    with transaction.atomic(savepoint=False):
        head, reason = _head_and_closure()
        first = head.size
        if not reason:
            _append(head, [(cls, subject_id) for cls, subject_id, _ in entries], opened)
    # Out here, where it breaks nothing off that the caller may yet do.
    if reason:
        raise Closed(reason)
    decided = any(cls == "decision" for cls, _, _ in entries)
    # Nothing that fails after the commit may turn the answer into an error: the decision stands, its receipt waits.
    transaction.on_commit(settle_and_sign if decided else settle, robust=True)
    return first


@transaction.atomic
def append_opened(whose: Sequence[tuple[str, UUID]], opened: Sequence[leaf.Opened]) -> int:
    """Append leaves whose salts are drawn already, whatever is closed; return the index of the first."""
    head = locked_head()
    first = head.size
    _append(head, whose, opened)
    return first


def _append(head: LedgerHead, whose: Sequence[tuple[str, UUID]], opened: Sequence[leaf.Opened]) -> None:
    made = [leaf.make_entry(cls, each.record, each.salt) for (cls, _), each in zip(whose, opened, strict=True)]
    grow(head, made, _sealed(head.size, [subject_id for _, subject_id in whose], opened))


@transaction.atomic
def append_forgotten(subject_id: UUID, *, kind: str = forgotten.KIND, sha256: str = "") -> leaf.Opened:
    """Append an erasure of somebody who is being, or was, forgotten: what opens it stands in the journal, in clear.

    Their keys are gone, and their number names nobody any more. Raises Closed.
    """
    if closed():
        raise Closed(closed())
    head = locked_head()
    idx, opened = head.size, leaf.Opened(forgotten.record_of(subject_id, timezone.now(), kind, sha256), leaf.new_salt())
    grow(head, [leaf.make_entry("erasure", opened.record, opened.salt)], [])
    journal.forget(subject_id, **forgotten.facts_of(idx, opened))
    transaction.on_commit(settle, robust=True)
    return opened


def locked_head() -> LedgerHead:
    try:
        return LedgerHead.objects.select_for_update().get(pk=ONLY_ROW)
    except LedgerHead.DoesNotExist:
        LedgerHead.objects.bulk_create([LedgerHead()], ignore_conflicts=True)
        return LedgerHead.objects.select_for_update().get(pk=ONLY_ROW)


def _head_and_closure() -> tuple[LedgerHead, str]:
    """Lock the head; return it, and why the site is closed or nothing."""
    with connections[router.db_for_write(LedgerHead)].cursor() as cursor:
        cursor.execute(HEAD, [ONLY_ROW])
        row = cursor.fetchone()
    if row is None:
        return locked_head(), closed()
    size, frontier, reason = row
    return LedgerHead(size=size, frontier=frontier), reason


def _sealed(first: int, subjects: Sequence[UUID], opened: Sequence[leaf.Opened]) -> list[writing.Sealed]:
    installed.sealer.warm(subjects)
    return [
        (idx, subject_id, installed.sealer.seal(subject_id, each.to_bytes(), leaf.opening_aad(subject_id, idx)))
        for idx, (subject_id, each) in enumerate(zip(subjects, opened, strict=True), start=first)
    ]


def grow(head: LedgerHead, entries: Sequence[bytes], openings: Sequence[writing.Sealed]) -> None:
    """Append leaves that are made already, under a head that the caller has locked."""
    frontier = merkle.Frontier.from_bytes(head.size, bytes(head.frontier))
    leaves, nodes = [], []
    for entry in entries:
        hashed = merkle.leaf_hash(entry)
        leaves.append((frontier.size, entry, hashed))
        nodes += frontier.append(hashed)
    head.size, head.frontier = frontier.size, frontier.to_bytes()
    writing.append(leaves, nodes, openings, head)


def size() -> int:
    return LedgerHead.objects.filter(pk=ONLY_ROW).values_list("size", flat=True).first() or 0


def closed() -> str:
    """Return why the site is closed, as it was last found, or nothing: asked before anything that is done."""
    with connections[router.db_for_read(LedgerState)].cursor() as cursor:
        cursor.execute(CLOSED, [ONLY_ROW])
        row = cursor.fetchone()
    return row[0] if row else ""


def settle() -> int:
    """Bring the journal up to what is committed, so that it takes effect. Safe to run at any time."""
    return journal.catch_up()


def settle_and_sign() -> None:
    settle()
    sign()


def check() -> str:
    """Compare the tree with the outside copy; return why the site is closed, or nothing, and remember it."""
    reason = checkpoints.fault()
    before = closed()
    if reason != before:
        LedgerState.objects.bulk_create(
            [LedgerState(pk=ONLY_ROW, closed_reason=reason)],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["closed_reason"],
        )
        logger.error("the site is closed: %s", reason) if reason else logger.warning("the site is open again")
        installed.trail.record("ledger.closed" if reason else "ledger.reopened", None, "system", {})
    return reason


def sign() -> Checkpoint | None:
    """Return a checkpoint over every journalled leaf, signed now unless there is one; None if it cannot be.

    Many may ask at once: one signs, the others find theirs covered.
    """
    with outside.locked(checkpoints.folder()):
        if check():
            return None
        size = LedgerState.objects.filter(pk=ONLY_ROW).values_list("journalled", flat=True).first() or 0
        standing = Checkpoint.objects.order_by("-size").first()
        if not size or (standing and standing.size >= size):
            return standing
        return _sign(size)


def _sign(size: int) -> Checkpoint | None:
    signers = checkpoints.signers()
    if not signers:
        logger.error("the signing key of the ledger cannot be read: receipts are pending")
        return None
    head = Head(settings.LEDGER_ORIGIN, size, tree.root_at(size))
    kept = checkpoints.kept(size) or checkpoints.keep_outside(sign_note(head.to_text(), signers), timezone.now())
    made = Checkpoint(size=size, root=head.root, note=kept.note, signed_at=kept.signed_at)
    made.save()
    installed.publisher.publish(kept.note)
    return made
