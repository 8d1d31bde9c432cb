"""Applies to a restored database what the journal has and it lacks: the same leaves in the same order, and every no.

Every part may run again from anywhere: what is there already is left alone, and how far the journal was applied is
committed with what was applied. What other parts of the house wrote into the journal they apply themselves (`Parts`).
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import connections, router, transaction

from consent import checkpoints, forgotten, journal, leaf, ledger, outside, tree
from consent.models import Checkpoint, Decision, Gate, LedgerLeaf, Notice, NoticeVersion, Purpose
from consent.note import Head
from consent.ports import CannotOpen
from consent.recovery import gates, mending

CHUNK = 500
Facts = dict[str, Any]


class CannotReplay(Exception):
    """The journal and the database tell of two histories; the text says where they part."""


@dataclass
class Told:
    """What was applied, by kind, and what could not be."""

    applied: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    gone: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Parts:
    """What other parts of the house do for leaves by class, sealed lines by kind, and accounts that were forgotten."""

    leaves: dict[str, Callable[[int, leaf.Record], None]] = field(default_factory=dict)
    lines: dict[str, Callable[[UUID, Facts], None]] = field(default_factory=dict)
    forgotten: Callable[[Facts], None] = lambda facts: None


def is_needed() -> bool:
    """Return whether the journal has what this database lacks."""
    return journal.state().recovering or journal.size() > ledger.size() or journal.is_ahead()


def run(parts: Parts) -> Told:
    """Apply all there is; raises CannotReplay. The site stays closed until `finish`."""
    told = Told(gone=_forgotten())
    journal.know(journal.state().journal_end, recovering=True)
    _leaves(parts, told)
    while _lines(parts, told):
        pass
    told.applied["grants"] += mending.mend()
    return told


def finish() -> str:
    """Let what was applied take effect, and open the site; return why it stays closed, or nothing."""
    with journal.alone():
        if journal.state().journal_end < outside.size(journal.path()):
            raise CannotReplay("the journal grew meanwhile: run it again")
        journal.know(journal.state().journal_end, recovering=False)
    ledger.settle()
    _checkpoints()
    reason = ledger.check()
    if not reason:
        ledger.sign()
    return reason


# --- leaves


def _leaves(parts: Parts, told: Told) -> None:
    if journal.size() <= ledger.size():
        return
    missing = (_bare(line, told.gone) for line in outside.lines(journal.path()) if line.get("kind") == journal.LEAF)
    while chunk := list(islice(missing, CHUNK)):
        with transaction.atomic():
            told.applied["leaves"] += _append(chunk, parts, told)


def _append(chunk: list[Facts], parts: Parts, told: Told) -> int:
    head = ledger.locked_head()
    _compare([line for line in chunk if line["idx"] < head.size])
    new = _gapless([line for line in chunk if line["idx"] >= head.size], head.size)
    if not new:
        return 0
    openings = [
        (line["idx"], UUID(line["subject_id"]), base64.b64decode(line["sealed"])) for line in new if line["sealed"]
    ]
    ledger.grow(head, [base64.b64decode(line["entry"]) for line in new], openings)
    for line in new:
        _tell(line, parts, told)
    return len(new)


def _forgotten() -> frozenset[str]:
    """Return who was forgotten since: of them nothing is put back. What a line removes nothing brings back."""
    try:
        return forgotten.founded()
    except ValueError as error:
        raise CannotReplay("the journal says that somebody was forgotten, and no leaf does") from error


def _bare(line: Facts, gone: frozenset[str]) -> Facts:
    return line | {"subject_id": None, "sealed": None} if line["subject_id"] in gone else line


def _gapless(lines: list[Facts], size: int) -> list[Facts]:
    """Return each leaf once, in its place; raises CannotReplay."""
    by_idx = {line["idx"]: line for line in lines}
    if sorted(by_idx) != list(range(size, size + len(by_idx))):
        raise CannotReplay(f"a leaf after {size - 1} is missing in the journal")
    return [by_idx[idx] for idx in sorted(by_idx)]


def _compare(lines: list[Facts]) -> None:
    """See that what both have is the same."""
    mine = dict(LedgerLeaf.objects.filter(idx__in=[line["idx"] for line in lines]).values_list("idx", "entry"))
    for line in lines:
        if base64.b64decode(line["entry"]) != bytes(mine[line["idx"]]):
            raise CannotReplay(f"leaf {line['idx']} of the database is not the one in the journal")


def _tell(line: Facts, parts: Parts, told: Told) -> None:
    """Write what stands beside a leaf: its decision, or what another part keeps of it."""
    cls = leaf.class_of(base64.b64decode(line["entry"]))
    record = _record(line)
    if record is None:
        told.applied["leaves of people who were forgotten"] += 1
    elif cls == "decision":
        _decide(line["idx"], record)
        told.applied[f"decisions: {record['kind']}"] += 1
    elif cls in parts.leaves:
        parts.leaves[cls](line["idx"], record)
        told.applied[cls] += 1


def _record(line: Facts) -> leaf.Record | None:
    try:
        subject_id = UUID(line["subject_id"])
        raw = journal.unseal(subject_id, line["sealed"], leaf.opening_aad(subject_id, line["idx"]))
        return leaf.Opened.from_bytes(raw).record
    except (CannotOpen, TypeError, ValueError):
        return None


def _decide(idx: int, record: leaf.Record) -> None:
    subject_id = UUID(str(record["subject_id"]))
    # Somebody whom the directory brought in after the backup: without a row nothing would be kept, nor a no known.
    Gate.objects.bulk_create([Gate(subject_id=subject_id)], ignore_conflicts=True)
    Decision(
        subject_id=subject_id,
        purpose_key=record["purpose"],
        notice_version=record["notice_version"],
        notice_sha256=record["notice_sha256"],
        kind=record["kind"],
        at=datetime.fromisoformat(str(record["at"])),
        path=record["path"],
        leaf_idx=idx,
    ).save()


# --- everything else


def _lines(parts: Parts, told: Told) -> bool:
    """Apply the next lines in one transaction; return whether there were any."""
    start = journal.state().journal_end
    chunk = list(islice(outside.placed(journal.path(), start), CHUNK))
    if not chunk:
        return False
    with transaction.atomic():
        for _end, line in chunk:
            if line and line.get("kind") != journal.LEAF:
                _apply(line, parts, told)
        journal.know(chunk[-1][0])
    return True


def _apply(line: Facts, parts: Parts, told: Told) -> None:
    kind = str(line.get("kind"))
    if kind == journal.FORGOTTEN:
        parts.forgotten(line[kind])
    elif kind == journal.NOTICE:
        kind = _publish(line, told)
    elif kind == journal.RETIREMENT:
        _retire(line[kind])
    else:
        kind = _apply_sealed(kind, line, parts, told)
    if kind:
        told.applied[kind] += 1


def _apply_sealed(kind: str, line: Facts, parts: Parts, told: Told) -> str:
    if line.get("subject_id") in told.gone:
        return "lines of people who were forgotten"
    try:
        subject_id, facts = UUID(str(line["subject_id"])), journal.opened(line)
    except (CannotOpen, KeyError, TypeError, ValueError):
        told.lost["lines whose person's keys are gone"] += 1
        return ""
    known = gates.apply(kind, subject_id, facts) if kind in gates.KINDS else False
    if kind == "withdrawal":
        known = _withdraw(subject_id, facts)
    if kind in parts.lines:
        parts.lines[kind](subject_id, facts)
        known = True
    return kind if known else ""


def _withdraw(subject_id: UUID, facts: Facts) -> bool:
    """Make a leaf of what was taken back while the site was closed."""
    opened = leaf.Opened.from_bytes(str(facts["opening"]).encode())
    at = datetime.fromisoformat(str(opened.record["at"]))
    said = {"subject_id": subject_id, "purpose_key": opened.record["purpose"], "kind": opened.record["kind"], "at": at}
    if Decision.objects.filter(**said).exists():
        return False
    _decide(ledger.append_opened([("decision", subject_id)], [opened]), opened.record)
    return True


def _publish(line: Facts, told: Told) -> str:
    facts, said = line[journal.NOTICE], line.get("said")
    if NoticeVersion.objects.filter(pk=facts["id"]).exists():
        return ""
    if said is None:
        told.lost["notices of which the journal has no text"] += 1
        return ""
    Purpose.objects.get_or_create(key=facts["purpose"], defaults=said["purpose"])
    notice = Notice.objects.get_or_create(purpose_id=facts["purpose"], language=facts["language"])[0]
    made = {name: said[name] for name in ("text", "covers", "terms")} | {
        name: facts[name] for name in ("version", "sha256")
    }
    valid_from = datetime.fromisoformat(facts["valid_from"]).astimezone(UTC)
    NoticeVersion(pk=facts["id"], notice=notice, valid_from=valid_from, **made).save()
    _skip_keys(facts["id"])
    return journal.NOTICE


def _skip_keys(taken: int) -> None:
    """Move the sequence past a key that was put in by hand; any role may, who may add rows."""
    reached = 0
    with connections[router.db_for_write(NoticeVersion)].cursor() as cursor:
        while reached < taken:
            cursor.execute("SELECT nextval(pg_get_serial_sequence('consent_noticeversion', 'id'))")
            reached = cursor.fetchone()[0]


def _retire(facts: Facts) -> None:
    at = datetime.fromisoformat(facts["at"])
    row = Purpose.objects.filter(pk=facts["purpose"]).exclude(retired_at__gte=at)
    row.update(state=Purpose.State.RETIRED, retired_at=at)


# --- checkpoints


def _checkpoints() -> None:
    """Put back those that were signed over this very tree."""
    there = set(Checkpoint.objects.values_list("size", flat=True))
    for line in outside.lines(checkpoints.path()):
        head = _head(line)
        if head is None or head.size in there or head.size > ledger.size() or tree.root_at(head.size) != head.root:
            continue
        signed_at = checkpoints.Kept.of(line)
        at = signed_at.signed_at if signed_at else datetime.now(UTC)
        Checkpoint(size=head.size, root=head.root, note=line["note"], signed_at=at).save()
        there.add(head.size)


def _head(line: Facts) -> Head | None:
    try:
        return Head.from_text(str(line.get("note")))
    except ValueError:
        return None
