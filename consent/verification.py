"""Reads the whole ledger again and names the first thing that does not hold."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.db import connections, router, transaction
from django.db.models import Q

from consent import checkpoints, forgotten, founded, journal, leaf, merkle, outside, terms
from consent.models import (
    ONLY_ROW,
    Checkpoint,
    Decision,
    JournalLine,
    LedgerHead,
    LedgerLeaf,
    LedgerNode,
    LedgerState,
    NoticeVersion,
    Opening,
    Purpose,
)
from consent.note import Head, Verifier, open_note
from consent.ports import CannotOpen, installed

CHUNK = 1000
FURTHEST = 1 << 62


@dataclass
class Walk:
    """What was read so far: the tree as the leaves make it, and its roots where checkpoints were signed."""

    end: int = 0
    published: dict[int, dict[str, Any]] = field(default_factory=dict)
    journalled: int = 0
    notices: dict[int, dict[str, Any]] = field(default_factory=dict)
    retired: set[tuple[str, str]] = field(default_factory=set)
    withdrawals: list[dict[str, Any]] = field(default_factory=list)
    forgotten: forgotten.Forgotten = field(default_factory=forgotten.Forgotten)
    wanted: set[int] = field(default_factory=set)
    roots: dict[int, bytes] = field(default_factory=dict)
    frontier: merkle.Frontier = field(default_factory=merkle.Frontier)


def first_fault() -> str | None:
    """Return the first fault of the ledger, or None."""
    walk = Walk()
    # The journal first: what is appended meanwhile only makes the tree larger than it must be.
    fault = next(_effect_faults(walk), None)
    if fault:
        return fault
    with _one_moment(walk):
        fault = next(_faults(walk), None)
    return fault or next(_gone_notices(walk), None) or next(_forgotten_ends(walk), None)


@contextmanager
def _one_moment(walk: Walk) -> Iterator[None]:
    """Read all tables, and the copy outside, as they are at one moment, whatever is appended meanwhile."""
    alias = router.db_for_read(LedgerLeaf)
    outermost = not connections[alias].in_atomic_block
    with transaction.atomic(using=alias):
        # Nobody is between writing a checkpoint outside and storing it.
        with outside.locked(checkpoints.folder()), connections[alias].cursor() as cursor:
            if outermost:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SELECT 1 FROM consent_ledgerhead")
            walk.end = checkpoints.path().stat().st_size if checkpoints.path().exists() else 0
        yield


def _faults(walk: Walk) -> Iterator[str]:
    yield from _outside_faults(walk)
    texts = founded.Texts.read()
    walk.forgotten = forgotten.Forgotten.read()
    walk.wanted = {0, *walk.published, *Checkpoint.objects.values_list("size", flat=True)}
    yield from _leaf_faults(walk, texts)
    yield from _head_faults(walk)
    yield from walk.forgotten.faults(walk.frontier.size)
    yield from _checkpoint_faults(walk)
    yield from _stray_faults(walk.frontier.size)
    yield from _notice_faults(walk)
    yield from _invented_ends(walk)
    yield from founded.faults(texts, founded.Ended.read(walk.withdrawals))


def _outside_faults(walk: Walk) -> Iterator[str]:
    """Read the copy outside into the walk."""
    last: dict[str, Any] = {}
    largest = 0
    for raw in outside.raw_lines(checkpoints.path(), walk.end):
        line = outside.parse(raw)
        # What a crash tore off is no line.
        if line is None:
            continue
        try:
            size = Head.from_text(str(line.get("note"))).size
        except ValueError:
            yield f"the outside copy holds, after checkpoint {largest}, one that cannot be read"
            continue
        if outside.spelled(line) != raw or not _follows(line, last):
            yield f"the outside copy does not hold checkpoint {size} as it was written"
        # Before lines had a time, the same one could be there twice after a crash.
        if size <= largest and ("signed_at" in line or line != last):
            yield f"the outside copy holds checkpoint {size} after checkpoint {largest}"
        largest, last = size, line
        walk.published[size] = line


def _follows(line: dict[str, Any], last: dict[str, Any]) -> bool:
    """Return whether a line has the form of its time: since one has the time of signing, all have."""
    return list(line) == ["note", "signed_at"] or (list(line) == ["note"] and "signed_at" not in last)


def _effect_faults(walk: Walk) -> Iterator[str]:
    """See that nothing took effect that the journal has not."""
    effective = LedgerState.objects.filter(pk=ONLY_ROW).values_list("journalled", flat=True).first() or 0
    walk.journalled = journal.size()
    if effective > walk.journalled:
        yield f"{effective} leaves took effect, but the journal has {walk.journalled}"


def _leaf_faults(walk: Walk, texts: founded.Texts) -> Iterator[str]:
    nodes, lines = _stored_nodes(), _journal_lines(walk)
    walk.roots[0] = merkle.EMPTY_ROOT
    for each in _leaves():
        if each.idx != walk.frontier.size:
            yield f"leaf {min(each.idx, walk.frontier.size)} is missing or not in its place"
        line = next(lines, None) if each.idx < walk.journalled else {}
        each.is_forgotten = each.opening is None and walk.forgotten.explains(each, line or {})
        yield from _one_leaf(each, texts)
        if each.idx < walk.journalled:
            yield from _journal_faults(each, line)
        yield from _grown_faults(walk, bytes(each.leaf_hash), nodes)
    stray = next(nodes, None)
    if stray is not None:
        yield f"node {stray[1]} of level {stray[0]} has nothing under it"
    if walk.frontier.size < walk.journalled:
        yield f"leaf {walk.frontier.size} is missing: the journal has it"
    # What is about no leaf stands between and after them.
    deque(lines, maxlen=0)


def _grown_faults(walk: Walk, hashed: bytes, nodes: Iterator[tuple[int, int, bytes]]) -> Iterator[str]:
    """Add a leaf to the tree and compare what it completes with what is stored."""
    newest = walk.frontier.size
    for level, idx, value in walk.frontier.append(hashed):
        if next(nodes, None) != (level, idx, value):
            yield f"node {idx} of level {level} is not the hash of what is under it, up to leaf {newest}"
    if walk.frontier.size in walk.wanted:
        walk.roots[walk.frontier.size] = walk.frontier.root()


def _journal_lines(walk: Walk) -> Iterator[dict[str, Any]]:
    """Yield the leaves of the journal, and keep what else is read on the way."""
    for line in outside.lines(journal.path()):
        kind = line.get("kind")
        if kind == journal.LEAF:
            yield line
        elif kind == journal.NOTICE:
            walk.notices |= _by_id(line.get("notice"))
        elif kind == journal.RETIREMENT:
            walk.retired |= _end(line.get("retirement"))
        elif kind in ("withdrawal", journal.RETURN):
            walk.withdrawals.append(line)


def _by_id(facts: Any) -> dict[int, dict[str, Any]]:
    """Return what a line says of a notice; nothing, so that the notice is missed, if the line was damaged."""
    known = isinstance(facts, dict) and isinstance(facts.get("id"), int)
    return {facts["id"]: {"purpose": "?", "version": "?"} | facts} if known else {}


def _end(facts: Any) -> set[tuple[str, str]]:
    """Return which purpose a line says ended, and when; nothing, so that the end is missed, if it was damaged."""
    return {(str(facts.get("purpose")), str(facts.get("at")))} if isinstance(facts, dict) else set()


def _journal_faults(each: LedgerLeaf, line: dict[str, Any] | None) -> Iterator[str]:
    sealed = each.opening and (each.opening.subject_id, each.opening.sealed)
    if each.is_forgotten and line:
        # The journal keeps whose it was by number, and what no key opens any more.
        line = line | {"subject_id": None, "sealed": None}
    if line != journal.leaf_line(each.idx, each.entry, *(sealed or (None, None))):
        yield f"leaf {each.idx} or its opening is not what the journal has"


def _stored_nodes() -> Iterator[tuple[int, int, bytes]]:
    """Yield the stored subtrees in the order in which appending completed them."""
    # An index that no tree reaches cannot be ordered by, and is what has nothing under it.
    beyond = LedgerNode.objects.filter(Q(idx__lt=0) | Q(idx__gte=FURTHEST) | Q(level__gt=FURTHEST.bit_length()))
    yield from ((level, idx, b"") for level, idx in beyond.values_list("level", "idx")[:1])
    ordered = LedgerNode.objects.extra(select={"done": "(idx + 1) << level"}, order_by=("done", "level"))
    for level, idx, value in ordered.values_list("level", "idx", "hash").iterator(CHUNK):
        yield level, idx, bytes(value)


def _leaves() -> Iterator[LedgerLeaf]:
    """Yield every leaf with `opening` and `decision` of its index, or None."""
    last = -FURTHEST
    while chunk := list(LedgerLeaf.objects.filter(idx__gt=last).order_by("idx")[:CHUNK]):
        ids = [each.idx for each in chunk]
        openings = Opening.objects.in_bulk(ids)
        decisions = Decision.objects.in_bulk(ids, field_name="leaf_idx")
        for each in chunk:
            each.opening, each.decision = openings.get(each.idx), decisions.get(each.idx)
            yield each
        last = ids[-1]


def _one_leaf(each: LedgerLeaf, texts: founded.Texts) -> Iterator[str]:
    entry = bytes(each.entry)
    if merkle.leaf_hash(entry) != bytes(each.leaf_hash):
        yield f"leaf {each.idx} does not have the hash that was stored"
    try:
        cls = leaf.class_of(entry)
    except ValueError:
        yield f"leaf {each.idx} is not in the format"
        return
    yield from _opening_faults(each, cls, entry)
    if each.decision and not texts.of(each.decision):
        yield f"decision {each.idx} is on a text that was not published"


def _opening_faults(each: LedgerLeaf, cls: str, entry: bytes) -> Iterator[str]:
    """Compare leaf, opening and decision.

    Forgetting an account takes both, and leaves a leaf of its own that tells it from a theft.
    """
    if each.opening is None:
        if not each.is_forgotten:
            yield f"the opening of leaf {each.idx} is missing"
        elif each.decision is not None:
            yield f"decision {each.idx} is that of somebody who was forgotten"
        return
    record = _opened(each.opening, entry)
    if record is None:
        yield f"the opening of leaf {each.idx} does not open it"
    elif cls == "decision" and each.decision is None:
        yield f"decision {each.idx} is missing"
    elif each.decision is not None and not _is_said(each.decision, cls, record):
        yield f"decision {each.idx} is not what its leaf says"


def _is_said(decision: Decision, cls: str, record: dict[str, str | int]) -> bool:
    # Records have whole milliseconds: what is finer was put there later.
    return cls == "decision" and decision.record == record and decision.at.microsecond % 1000 == 0


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
        yield from _copy_faults(each, walk.published.get(each.size, {}))
    for size in sorted(set(walk.published) - stored):
        yield from _one_note(str(walk.published[size]["note"]), size, walk, known)
        # Of the newest, its signer may have been stopped in between: the next signature puts it back.
        yield f"checkpoint {size} is missing"


def _copy_faults(each: Checkpoint, line: dict[str, Any]) -> Iterator[str]:
    if line.get("note") != each.note:
        yield f"checkpoint {each.size} is not the one in the copy outside"
    if "signed_at" in line and line["signed_at"] != each.signed_at.isoformat():
        yield f"checkpoint {each.size} was signed at another time than the copy outside says"


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
    beyond = Q(leaf_idx__lt=0) | Q(leaf_idx__gte=size)
    for model in (Decision, Opening):
        stray = model.objects.filter(beyond).order_by("leaf_idx").first()
        if stray:
            yield f"there is a {model._meta.verbose_name} {stray.leaf_idx}, but no such leaf"


def _notice_faults(walk: Walk) -> Iterator[str]:
    waiting = JournalLine.objects.filter(kind=journal.NOTICE).values_list("sealed", flat=True)
    kept = walk.notices | {facts["id"]: facts for facts in map(journal.waiting_facts, waiting)}
    for each in NoticeVersion.objects.select_related("notice").order_by("pk").iterator(CHUNK):
        named = f"version {each.version} of the notice for {each.notice.purpose_id}"
        if sha256(each.text.encode()).hexdigest() != each.sha256:
            yield f"{named} is not the text that was published"
        if not _is_bound(each):
            yield f"{named} does not have the terms that were published"
        if kept.get(each.pk) != journal.notice_facts(each):
            yield f"{named} is not what the journal has"


def _is_bound(each: NoticeVersion) -> bool:
    """Return whether the text names these terms, and they cover what the version says it does."""
    try:
        bound = terms.is_bound(each.text, each.terms)
        covered = {source: sorted(named) for source, named in terms.covers_of(each.terms).items()}
        same = covered == {source: sorted(named) for source, named in each.covers.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return False
    return not each.terms or (bound and same)


def _gone_notices(walk: Walk) -> Iterator[str]:
    """Ask again, at another moment, for what the journal has: a text may have been published meanwhile."""
    # With the notice that it is a version of: one that belongs to none is not there.
    there = dict(NoticeVersion.objects.filter(pk__in=walk.notices).values_list("pk", "notice__purpose_id"))
    for pk in sorted(set(walk.notices) - set(there)):
        facts = walk.notices[pk]
        yield f"version {facts['version']} of the notice for {facts['purpose']} is missing"


def _invented_ends(walk: Walk) -> Iterator[str]:
    """See that no purpose ended at a time that the journal does not have: that takes a yes away from everybody."""
    waiting = JournalLine.objects.filter(kind=journal.RETIREMENT).values_list("sealed", flat=True)
    known = walk.retired.union(*(_end(journal.waiting_facts(each)) for each in waiting))
    for key, at in Purpose.objects.exclude(retired_at=None).values_list("key", "retired_at"):
        if (key, journal.retired_stamp(at)) not in known:
            yield f"the purpose {key} did not end when its row says"


def _forgotten_ends(walk: Walk) -> Iterator[str]:
    """Ask, at another moment, whether all ends still count that the journal has: a yes from before does not."""
    there = dict(Purpose.objects.exclude(retired_at=None).values_list("key", "retired_at"))
    for key, at in sorted(walk.retired):
        if key not in there or journal.retired_stamp(there[key]) < at:
            yield f"the purpose {key} ended at {at}, but its row does not say so"
