"""The journal outside both databases: every leaf with its sealed opening, and every other no.

Files only grow. A line is JSON: `leaves` (how many leaves are in the journal once it is read), `kind`, and of a
leaf `idx`, `entry`, `subject_id`, `sealed`, of a published notice `key`, `notice` and what it `said`, of the end of a
purpose or of an account `key` and the facts under the name of the kind, of anything else `key`, `subject_id`, `sealed`.

The database knows how far it knows the journal (`LedgerState.journal_end`). Lines behind that place are those of a
crash, whose rows still wait, or else what a restored database lacks: then nothing takes effect until `consent.replay`
has applied them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connections, router, transaction

from consent import days_off, outside
from consent.models import ONLY_ROW, Gate, JournalLine, LedgerLeaf, LedgerState, NoticeVersion, Purpose
from consent.ports import installed

CHUNK = 1000
LEAF, NOTICE, RETIREMENT, FORGOTTEN, RETURN = "leaf", "notice", "retirement", "forgotten", "return"
# What is about nobody, or must be read when a person's keys are gone, is not sealed: it stands under its kind's name.
OPEN = (NOTICE, RETIREMENT, FORGOTTEN)
# What keeps everything out while somebody is away, and what the key of that pause begins with.
LEAVE, AWAY = "leave", "away-"
DAYS_OFF = "days_off"
NOBODY = UUID(int=0)
PENDING = """
SELECT l.idx, l.entry, o.subject_id, o.sealed
FROM consent_ledgerleaf l LEFT JOIN consent_opening o ON o.leaf_idx = l.idx
WHERE l.idx >= %s AND l.idx < %s ORDER BY l.idx
"""
ADD = "INSERT INTO consent_journalline (kind, subject_id, sealed) VALUES (%s, %s, %s)"
WAITING = "SELECT id, kind, subject_id, sealed FROM consent_journalline ORDER BY id LIMIT %s"
# What the database knows of the journal, how many leaves it has, and the lines that wait, at one moment.
KNOWN = """
SELECT coalesce(s.journalled, 0), coalesce(s.journal_end, 0), coalesce(s.recovering, false), coalesce(h.size, 0),
       l.id, l.kind, l.subject_id, l.sealed
FROM (SELECT %s AS id) only_row
LEFT JOIN consent_ledgerstate s ON s.id = only_row.id LEFT JOIN consent_ledgerhead h ON h.id = only_row.id
LEFT JOIN (SELECT * FROM consent_journalline ORDER BY id LIMIT %s) l ON true ORDER BY l.id
"""
# Lines that are in the file go, and how far it is known moves, in one commit: a crash before it writes a line twice,
# and the key tells who reads that it is the same.
WRITTEN = """
WITH written AS (DELETE FROM consent_journalline WHERE id = ANY(%s::bigint[]))
INSERT INTO consent_ledgerstate AS s (id, journalled, journal_end, recovering, closed_reason)
VALUES (%s, %s, %s, false, '')
ON CONFLICT (id) DO UPDATE
SET journal_end = excluded.journal_end, journalled = greatest(s.journalled, excluded.journalled)
"""
DEFINED = ("title", "description", "basis", "refusal_consequence", "alternative", "categories", "state")
Line = dict[str, Any]


def path() -> Path:
    return Path(settings.JOURNAL_DIR) / "journal.jsonl"


def alone() -> AbstractContextManager[None]:
    """Keep every other writer out; a lock of its own, since who signs holds that of the checkpoints meanwhile."""
    return outside.locked(path().parent, ".journal.lock")


def append(kind: str, payload: dict[str, Any]) -> None:
    """Commit a line with the caller's transaction; it is in the file before the answer.

    `payload` names its `subject_id`; it is sealed under that person's evidence key.
    """
    _wait(kind, payload)
    transaction.on_commit(catch_up, robust=True)


def _wait(kind: str, payload: dict[str, Any]) -> None:
    subject_id = UUID(str(payload["subject_id"]))
    data = json.dumps(payload, separators=(",", ":"), default=str).encode()
    _add(kind, subject_id, installed.sealer.seal(subject_id, data, line_aad(kind)))


def opened(line: Line) -> dict[str, Any]:
    """Return what a sealed line says; raises CannotOpen where the person's key is gone, ValueError."""
    return dict(json.loads(unseal(UUID(str(line["subject_id"])), line["sealed"], line_aad(line["kind"]))))


def unseal(subject_id: UUID, sealed: str, aad: bytes) -> bytes:
    """Return what a line has sealed, the opening of a leaf too; raises CannotOpen."""
    return installed.sealer.open(subject_id, base64.b64decode(sealed), aad)


def publish(version: NoticeVersion) -> None:
    """Commit with the caller's transaction that this text was published, and what it says."""
    _append_open(NOTICE, published(version))


def published(version: NoticeVersion) -> dict[str, Any]:
    purpose = version.notice.purpose
    said = {"text": version.text, "covers": version.covers, "terms": version.terms}
    defined = {name: getattr(purpose, name) for name in DEFINED}
    return {NOTICE: notice_facts(version), "said": {**said, "purpose": defined}}


def retire(purpose: Purpose) -> None:
    """Commit with the caller's transaction that this purpose ended: it ends every yes that was said to it."""
    if purpose.retired_at is not None:
        _append_open(RETIREMENT, _ended(purpose))


def _ended(purpose: Purpose) -> dict[str, Any]:
    at = retired_stamp(purpose.retired_at) if purpose.retired_at else ""
    return {RETIREMENT: {"purpose": purpose.key, "at": at}}


def forget(subject_id: UUID, **facts: str) -> None:
    """Commit with the caller's transaction that an account is erased; call before the person's keys are destroyed."""
    _append_open(FORGOTTEN, {FORGOTTEN: {"subject_id": str(subject_id), **facts}})


def retired_stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _append_open(kind: str, facts: dict[str, Any]) -> None:
    _wait_open(kind, facts)
    transaction.on_commit(catch_up, robust=True)


def _wait_open(kind: str, facts: dict[str, Any]) -> None:
    _add(kind, NOBODY, json.dumps(facts, default=str).encode())


def _add(kind: str, subject_id: UUID, sealed: bytes) -> None:
    with connections[router.db_for_write(JournalLine)].cursor() as cursor:
        cursor.execute(ADD, [kind, subject_id, sealed])


def waiting_facts(sealed: bytes | memoryview) -> dict[str, Any]:
    """Return the facts of an open line on its way to the journal, as this release writes it or the last one did."""
    content = json.loads(bytes(sealed))
    return next((content[kind] for kind in OPEN if isinstance(content.get(kind), dict)), content)


def notice_facts(version: NoticeVersion) -> dict[str, Any]:
    """Return what the journal has of a version of a notice: whatever is changed in it afterwards, the digest is not."""
    facts = {
        "id": version.pk,
        "purpose": version.notice.purpose_id,
        "language": version.notice.language,
        "version": version.version,
        "sha256": version.sha256,
        "valid_from": version.valid_from.astimezone(UTC).isoformat(),
    }
    bound = json.dumps([facts, version.text, version.covers, version.terms], sort_keys=True, separators=(",", ":"))
    return {**facts, "digest": sha256(bound.encode()).hexdigest()}


def line_aad(kind: str) -> bytes:
    return f"daylight/journal/{kind}".encode()


def size() -> int:
    """Return how many leaves are in the journal."""
    found = outside.last(path())
    return int(found["leaves"]) if found else 0


def state() -> LedgerState:
    return LedgerState.objects.filter(pk=ONLY_ROW).first() or LedgerState()


def is_ahead() -> bool:
    """Return whether the journal has lines that this database never wrote: those of a life that a restore cut off."""
    if outside.size(path()) <= state().journal_end:
        return False
    # Somebody may be between the file and the row: who writes holds the lock.
    with alone():
        return _is_foreign(state().journal_end)


def catch_up() -> int:
    """Write what is committed and not yet in the journal, then let it take effect; return the leaves there.

    Safe to run at any time, from anywhere; raises OSError when the journal cannot be written.
    """
    with alone():
        known, wanted, waiting = _known()
        if outside.size(path()) < known.journal_end:
            _say_again()
            waiting = _waiting()
        foreign = known.recovering or _is_foreign(known.journal_end)
        there = size()
        _write(there, wanted, waiting, None if foreign else known)
    return max(there, wanted)


def _known() -> tuple[LedgerState, int, list[JournalLine]]:
    """Return how far this database knows the journal, how many leaves it has itself, and the first lines that wait."""
    with connections[router.db_for_write(LedgerState)].cursor() as cursor:
        cursor.execute(KNOWN, [ONLY_ROW, CHUNK])
        rows = cursor.fetchall()
    journalled, end, recovering, leaves = rows[0][:4]
    waiting = [JournalLine(*row[4:]) for row in rows if row[4] is not None]
    return LedgerState(journalled=journalled, journal_end=end, recovering=recovering), leaves, waiting


def know(end: int, **more: Any) -> None:
    """Remember how far this database knows the journal."""
    changed = {"journal_end": end, **more}
    LedgerState.objects.bulk_create(
        [LedgerState(pk=ONLY_ROW, **changed)], update_conflicts=True, unique_fields=["id"], update_fields=list(changed)
    )


# --- lines that the database does not know


def _is_foreign(start: int) -> bool:
    """Return whether a line behind this place is neither a leaf of this tree nor one whose row still waits."""
    lines = [line for _end, line in outside.placed(path(), start) if line]
    if not lines:
        return False
    leaves = {line.get("idx"): line.get("entry") for line in lines if line.get("kind") == LEAF}
    mine = LedgerLeaf.objects.filter(idx__in=leaves).values_list("idx", "entry")
    if {idx: _text(entry) for idx, entry in mine} != leaves:
        return True
    others = [line for line in lines if line.get("kind") != LEAF]
    waiting = JournalLine.objects.in_bulk([line["key"] for line in others if isinstance(line.get("key"), int)])
    return any(not _is_of(waiting.get(line.get("key")), line) for line in others)


def _is_of(row: JournalLine | None, line: Line) -> bool:
    return row is not None and line | {"leaves": 0} == _other_line(row, 0)


def _say_again() -> None:
    """Put what stands into a journal that was lost, or is an older copy: leaves are written again anyway."""
    for version in NoticeVersion.objects.select_related("notice__purpose").order_by("pk"):
        _wait_open(NOTICE, published(version))
    for purpose in Purpose.objects.exclude(retired_at=None):
        _wait_open(RETIREMENT, _ended(purpose))
    for row in Gate.objects.iterator(CHUNK):
        standing = (("pause", row.pauses), ("restriction", row.restrictions), ("fence", row.fences))
        for kind, entries in standing:
            for each in entries:
                _wait(kind, each | {"subject_id": str(row.pk), "key_epoch": row.key_epoch})
        if marked := days_off.opened(row.pk, bytes(row.days_off)):
            _wait(DAYS_OFF, {"subject_id": str(row.pk), "days": sorted(day.isoformat() for day in marked)})
    know(outside.size(path()))


# --- lines on their way to the file


def _leaf_lines(first: int, end: int) -> Iterator[Line]:
    with connections[router.db_for_read(LedgerLeaf)].cursor() as cursor:
        cursor.execute(PENDING, [first, end])
        rows = cursor.fetchall()
    for row in rows:
        yield leaf_line(*row)


def leaf_line(idx: int, entry: bytes | memoryview, subject_id: UUID | None, sealed: bytes | memoryview | None) -> Line:
    """Return the line of a leaf with its opening."""
    return {
        "leaves": idx + 1,
        "kind": LEAF,
        "idx": idx,
        "entry": _text(entry),
        "subject_id": str(subject_id) if subject_id else None,
        "sealed": _text(sealed) if sealed is not None else None,
    }


def _text(data: bytes | memoryview) -> str:
    return base64.b64encode(data).decode()


def _write(there: int, wanted: int, waiting: list[JournalLine], known: LedgerState | None) -> None:
    """Write the leaves that the file lacks and all lines that wait, these first, and let them take effect.

    Without `known` nothing does: lines of another life of the database stand in the file.
    """
    missing = [(first, min(first + CHUNK, wanted)) for first in range(there, wanted, CHUNK)]
    for first, end in missing[:-1]:
        outside.append(path(), _leaf_lines(first, end))
    # The last leaves and the first lines wait for the disk together.
    leaves = [line for first, end in missing[-1:] for line in _leaf_lines(first, end)]
    while True:
        if lines := [*leaves, *(_other_line(row, max(there, wanted)) for row in waiting)]:
            outside.append(path(), lines)
        # Who commits a line from here on writes it: whatever else waits was read.
        last, leaves = len(waiting) < CHUNK, []
        # A journal that is ahead tells of a restore: what was decided since is not in it.
        effective = wanted if last and there <= wanted else None
        _settle([row.pk for row in waiting], effective, known)
        if last:
            return
        waiting = _waiting()


def _waiting() -> list[JournalLine]:
    with connections[router.db_for_write(JournalLine)].cursor() as cursor:
        cursor.execute(WAITING, [CHUNK])
        return [JournalLine(*row) for row in cursor.fetchall()]


def _settle(written: list[int], effective: int | None, known: LedgerState | None) -> None:
    """Let go of lines that are in the file, and remember how far it is known and how many leaves take effect."""
    if known is None:
        JournalLine.objects.filter(pk__in=written).delete()
        return
    end = outside.size(path())
    moves = effective is not None and (known.journalled < effective or known.journal_end != end)
    if written or moves:
        with connections[router.db_for_write(LedgerState)].cursor() as cursor:
            cursor.execute(WRITTEN, [written, ONLY_ROW, effective or 0, end])


def _other_line(row: JournalLine, leaves: int) -> Line:
    known = {"leaves": leaves, "kind": row.kind, "key": row.pk}
    if row.kind not in OPEN:
        return known | {"subject_id": str(row.subject_id), "sealed": _text(row.sealed)}
    content = json.loads(bytes(row.sealed))
    return known | (content if row.kind in content else {row.kind: content})
