"""The journal outside both databases: every leaf with its sealed opening, and every other no.

Files only grow. A line is JSON: `leaves` (how many leaves are in the journal once it is read), `kind`, and of a
leaf `idx`, `entry`, `subject_id`, `sealed`, of a published notice `key`, `notice`, of the end of a purpose `key`,
`retirement`, of anything else `key`, `subject_id`, `sealed`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connections, router, transaction

from consent import outside
from consent.models import ONLY_ROW, JournalLine, LedgerHead, LedgerLeaf, LedgerState, NoticeVersion, Purpose
from consent.ports import installed

CHUNK = 1000
LEAF, NOTICE, RETIREMENT = "leaf", "notice", "retirement"
# What is about nobody is not sealed, and stands in its line under the name of its kind.
OPEN = (NOTICE, RETIREMENT)
NOBODY = UUID(int=0)
PENDING = """
SELECT l.idx, l.entry, o.subject_id, o.sealed
FROM consent_ledgerleaf l LEFT JOIN consent_opening o ON o.leaf_idx = l.idx
WHERE l.idx >= %s AND l.idx < %s ORDER BY l.idx
"""


def path() -> Path:
    return Path(settings.JOURNAL_DIR) / "journal.jsonl"


def append(kind: str, payload: dict[str, Any]) -> None:
    """Commit a line with the caller's transaction; it is in the file before the answer.

    `payload` names its `subject_id`; it is sealed under that person's evidence key.
    """
    subject_id = UUID(str(payload["subject_id"]))
    data = json.dumps(payload, separators=(",", ":"), default=str).encode()
    JournalLine.objects.create(
        kind=kind, subject_id=subject_id, sealed=installed.sealer.seal(subject_id, data, line_aad(kind))
    )
    transaction.on_commit(catch_up, robust=True)


def publish(version: NoticeVersion) -> None:
    """Commit with the caller's transaction that this text was published."""
    _append_open(NOTICE, notice_facts(version))


def retire(purpose: Purpose) -> None:
    """Commit with the caller's transaction that this purpose ended: it ends every yes that was said to it."""
    if purpose.retired_at is not None:
        _append_open(RETIREMENT, {"purpose": purpose.key, "at": retired_stamp(purpose.retired_at)})


def retired_stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _append_open(kind: str, facts: dict[str, Any]) -> None:
    JournalLine.objects.create(kind=kind, subject_id=NOBODY, sealed=json.dumps(facts).encode())
    transaction.on_commit(catch_up, robust=True)


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


def catch_up() -> int:
    """Write what is committed and not yet in the journal, then let it take effect; return the leaves there.

    Safe to run at any time, from anywhere; raises OSError when the journal cannot be written.
    """
    with outside.locked(path().parent):
        there = size()
        wanted = LedgerHead.objects.filter(pk=ONLY_ROW).values_list("size", flat=True).first() or 0
        for first in range(there, wanted, CHUNK):
            outside.append(path(), _leaf_lines(first, min(first + CHUNK, wanted)))
        _write_lines(max(there, wanted))
        # A journal that is ahead tells of a restore: what was decided since is not in it.
        if there <= wanted:
            _let_take_effect(wanted)
    return max(there, wanted)


def _leaf_lines(first: int, end: int) -> Iterator[dict[str, Any]]:
    with connections[router.db_for_read(LedgerLeaf)].cursor() as cursor:
        cursor.execute(PENDING, [first, end])
        rows = cursor.fetchall()
    for row in rows:
        yield leaf_line(*row)


def leaf_line(
    idx: int, entry: bytes | memoryview, subject_id: UUID | None, sealed: bytes | memoryview | None
) -> dict[str, Any]:
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


def _write_lines(leaves: int) -> None:
    waiting = list(JournalLine.objects.order_by("pk")[:CHUNK])
    while waiting:
        outside.append(path(), _other_lines(waiting, leaves))
        JournalLine.objects.filter(pk__in=[line.pk for line in waiting]).delete()
        waiting = list(JournalLine.objects.order_by("pk")[:CHUNK])


def _other_lines(waiting: Iterable[JournalLine], leaves: int) -> Iterator[dict[str, Any]]:
    # A crash before the delete writes a line twice: the key tells who reads that it is the same.
    for line in waiting:
        known = {"leaves": leaves, "kind": line.kind, "key": line.pk}
        if line.kind in OPEN:
            yield known | {line.kind: json.loads(bytes(line.sealed))}
        else:
            yield known | {"subject_id": str(line.subject_id), "sealed": _text(line.sealed)}


def _let_take_effect(there: int) -> None:
    if not LedgerState.objects.filter(pk=ONLY_ROW, journalled__gte=there).exists():
        LedgerState.objects.bulk_create(
            [LedgerState(pk=ONLY_ROW, journalled=there)],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["journalled"],
        )
