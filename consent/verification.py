"""Reads the whole ledger again and names the first thing that does not hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from uuid import UUID

from django.conf import settings
from django.db import connections, router, transaction
from django.db.models import F

from consent import checkpoints, leaf, merkle, outside
from consent.models import (
    ONLY_ROW,
    Checkpoint,
    Decision,
    LedgerHead,
    LedgerLeaf,
    LedgerNode,
    NoticeVersion,
    Opening,
)
from consent.note import Head, Verifier, open_note
from consent.ports import CannotOpen, installed

CHUNK = 1000
# A grant in a gate row must be what the newest decision of that person and purpose permits.
UNFOUNDED_GRANTS = """
SELECT g.subject_id, e.key FROM consent_gate g, jsonb_each(g.grants) e
WHERE NOT EXISTS (
    SELECT 1 FROM consent_decision d
    JOIN consent_noticeversion v ON v.version = d.notice_version AND v.sha256 = d.notice_sha256
    JOIN consent_notice n ON n.id = v.notice_id AND n.purpose_id = d.purpose_key
    WHERE d.subject_id = g.subject_id AND d.purpose_key = e.key AND d.leaf_idx = (e.value->>'leaf')::bigint
    AND d.notice_version = (e.value->>'version')::int AND v.covers = e.value->'covers'
    AND d.kind IN ('given', 'acknowledged')
    AND NOT EXISTS (
        SELECT 1 FROM consent_decision later
        WHERE later.subject_id = d.subject_id AND later.purpose_key = d.purpose_key AND later.leaf_idx > d.leaf_idx
    )
) LIMIT 1
"""


@dataclass
class Walk:
    """What was read so far: the tree as the leaves make it, and its roots where checkpoints were signed."""

    published: dict[int, str] = field(default_factory=dict)
    wanted: set[int] = field(default_factory=set)
    roots: dict[int, bytes] = field(default_factory=dict)
    frontier: merkle.Frontier = field(default_factory=merkle.Frontier)


def first_fault() -> str | None:
    """Return the first fault of the ledger, or None."""
    walk = Walk()
    # The copy outside first: what is appended meanwhile only makes the tree larger than it must be.
    fault = next(_outside_faults(walk), None)
    if fault:
        return fault
    with _one_moment():
        return next(_faults(walk), None)


@contextmanager
def _one_moment() -> Iterator[None]:
    """Read all tables as they are at one moment, whatever is appended meanwhile."""
    alias = router.db_for_read(LedgerLeaf)
    outermost = not connections[alias].in_atomic_block
    with transaction.atomic(using=alias):
        if outermost:
            with connections[alias].cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def _faults(walk: Walk) -> Iterator[str]:
    walk.wanted = {0, *walk.published, *Checkpoint.objects.values_list("size", flat=True)}
    yield from _leaf_faults(walk)
    yield from _head_faults(walk)
    yield from _checkpoint_faults(walk)
    yield from _stray_faults(walk.frontier.size)
    yield from _notice_faults()
    yield from _grant_faults()


def _outside_faults(walk: Walk) -> Iterator[str]:
    """Read the copy outside into the walk."""
    for line in outside.lines(checkpoints.path()):
        note = str(line.get("note"))
        try:
            size = Head.from_text(note).size
        except ValueError:
            yield "the outside copy holds a checkpoint that cannot be read"
            continue
        if walk.published.setdefault(size, note) != note:
            yield f"the outside copy holds two different checkpoints of size {size}"


def _leaf_faults(walk: Walk) -> Iterator[str]:
    nodes = _stored_nodes()
    walk.roots[0] = merkle.EMPTY_ROOT
    for each in _leaves():
        if each.idx != walk.frontier.size:
            yield f"leaf {walk.frontier.size} is missing"
        yield from _one_leaf(each)
        for level, idx, value in walk.frontier.append(bytes(each.leaf_hash)):
            if next(nodes, None) != (level, idx, value):
                yield f"node {idx} of level {level} is not the hash of what is under it"
        if walk.frontier.size in walk.wanted:
            walk.roots[walk.frontier.size] = walk.frontier.root()
    if next(nodes, None) is not None:
        yield "there is a node with nothing under it"


def _stored_nodes() -> Iterator[tuple[int, int, bytes]]:
    """Yield the stored subtrees in the order in which appending completed them."""
    ordered = LedgerNode.objects.extra(select={"done": "(idx + 1) << level"}, order_by=("done", "level"))
    for level, idx, value in ordered.values_list("level", "idx", "hash").iterator(CHUNK):
        yield level, idx, bytes(value)


def _leaves() -> Iterator[LedgerLeaf]:
    """Yield every leaf with `opening` and `decision` of its index, or None."""
    last = -1
    while chunk := list(LedgerLeaf.objects.filter(idx__gt=last).order_by("idx")[:CHUNK]):
        ids = [each.idx for each in chunk]
        openings = Opening.objects.in_bulk(ids)
        decisions = Decision.objects.in_bulk(ids, field_name="leaf_idx")
        for each in chunk:
            each.opening, each.decision = openings.get(each.idx), decisions.get(each.idx)
            yield each
        last = ids[-1]


def _one_leaf(each: LedgerLeaf) -> Iterator[str]:
    entry = bytes(each.entry)
    if merkle.leaf_hash(entry) != bytes(each.leaf_hash):
        yield f"leaf {each.idx} does not have the hash that was stored"
    try:
        cls = leaf.class_of(entry)
    except ValueError:
        yield f"leaf {each.idx} is not in the format"
        return
    yield from _opening_faults(each, cls, entry)


def _opening_faults(each: LedgerLeaf, cls: str, entry: bytes) -> Iterator[str]:
    """Compare leaf, opening and decision; all three may be gone but the leaf, when an account was forgotten."""
    if each.opening is None:
        if each.decision is not None:
            yield f"decision {each.idx} has no opening"
        return
    record = _opened(each.opening, entry)
    if record is None:
        yield f"the opening of leaf {each.idx} does not open it"
    elif cls == "decision" and each.decision is None:
        yield f"the decision of leaf {each.idx} is missing"
    elif each.decision is not None and (cls != "decision" or each.decision.record != record):
        yield f"decision {each.idx} is not what its leaf says"


def _opened(opening: Opening, entry: bytes) -> dict[str, str | int] | None:
    """Return the record, if this opening is sound, fits the leaf and is filed under the right person."""
    try:
        aad = leaf.opening_aad(opening.subject_id, opening.leaf_idx)
        raw = installed.sealer.open(opening.subject_id, bytes(opening.sealed), aad)
        found = leaf.Opened.from_bytes(raw)
    except (CannotOpen, ValueError):
        return None
    fits = found.fits(entry) and found.record["subject_id"] == str(opening.subject_id)
    return found.record if fits else None


def _head_faults(walk: Walk) -> Iterator[str]:
    head = LedgerHead.objects.filter(pk=ONLY_ROW).first() or LedgerHead()
    if (head.size, bytes(head.frontier)) != (walk.frontier.size, walk.frontier.to_bytes()):
        yield f"the head says {head.size} leaves, but the leaves make another tree of {walk.frontier.size}"


def _checkpoint_faults(walk: Walk) -> Iterator[str]:
    try:
        known = checkpoints.verifiers()
    except (OSError, ValueError):
        yield "the verifier key ledger.vkey cannot be read"
        return
    stored: set[int] = set()
    for each in Checkpoint.objects.order_by("size").iterator(CHUNK):
        stored.add(each.size)
        yield from _one_note(each.note, each.size, walk, known)
        if Head.from_text(each.note).root != bytes(each.root):
            yield f"checkpoint {each.size} is not the one that was signed"
        if walk.published.get(each.size) != each.note:
            yield f"checkpoint {each.size} is not in the copy outside"
    for size, note in walk.published.items():
        yield from _one_note(note, size, walk, known)
    # The newest may be outside alone: whoever was to store it stopped in between.
    for size in sorted(set(walk.published) - stored - {max(walk.published, default=0)}):
        yield f"checkpoint {size} is missing"


def _one_note(note: str, size: int, walk: Walk, known: list[Verifier]) -> Iterator[str]:
    try:
        head = Head.from_text(open_note(note, known))
    except ValueError:
        yield f"checkpoint {size} has no valid signature"
        return
    if (head.origin, head.size) != (settings.LEDGER_ORIGIN, size):
        yield f"checkpoint {size} is that of another log or size"
    elif walk.roots.get(size) != head.root:
        yield f"checkpoint {size} does not hold: the first {size} leaves are others now, or fewer"


def _stray_faults(size: int) -> Iterator[str]:
    beyond = {"leaf_idx__gte": size}
    if Decision.objects.filter(**beyond).exists() or Opening.objects.filter(**beyond).exists():
        yield "there is a decision or an opening without a leaf"


def _notice_faults() -> Iterator[str]:
    for each in NoticeVersion.objects.annotate(purpose=F("notice__purpose_id")).iterator(CHUNK):
        if sha256(each.text.encode()).hexdigest() != each.sha256:
            yield f"version {each.version} of the notice for {each.purpose} is not the text that was published"


def _grant_faults() -> Iterator[str]:
    with connections[router.db_for_read(LedgerLeaf)].cursor() as cursor:
        cursor.execute(UNFOUNDED_GRANTS)
        found: tuple[UUID, str] | None = cursor.fetchone()
    if found:
        yield f"the gate of {found[0]} permits {found[1]} without a decision that says so"
