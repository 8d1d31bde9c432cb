"""The few statements that every batch needs, in SQL: written by the ORM they cost more than all else together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import connection

from portal.events.models import Block, LastFocus
from portal.register.models import Source

SOURCE = "SELECT key, kind, blocked_apps FROM register_source WHERE key = %s AND state = 'live'"
RULES = """
SELECT f.category, f.purpose_key, f.off_hours, f.exact_timing, f.content_apps
  FROM register_flow f JOIN register_source s ON s.key = f.source_id
 WHERE f.source_id = %s AND f.state = 'live' AND s.state = 'live'
"""
FOCUS = """
SELECT month, epoch, sealed FROM events_lastfocus
 WHERE subject_id = %s AND writer = %s AND source = %s FOR UPDATE
"""
REMEMBER = """
INSERT INTO events_lastfocus (subject_id, writer, source, month, epoch, sealed) VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (subject_id, writer, source)
DO UPDATE SET month = excluded.month, epoch = excluded.epoch, sealed = excluded.sealed
"""
# Waits for another transaction that takes the same batch; no row comes back if that one commits.
CLAIM = """
INSERT INTO events_batchreceipt (writer, batch, subject_id, digest, answer, imported, arrived, settled)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (writer, batch) DO NOTHING RETURNING id
"""
STORE = "INSERT INTO events_block (subject_id, day, epoch, receipt_id, body, counts, folded) VALUES "
BLOCK = "(%s, %s, %s, %s, %s, %s, false)"


@dataclass(frozen=True)
class Rule:
    """A live flow, as far as ingest asks."""

    category: str
    purpose_key: str
    off_hours: bool
    exact_timing: bool
    content_apps: frozenset[str]


def _rows(sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def _texts(value: Any) -> list[str]:
    """Django's connection hands JSON columns of a raw SELECT over as text."""
    return json.loads(value) if isinstance(value, str) else value


def live_source(key: str) -> Source | None:
    """Return a live source with what ingest needs of it."""
    rows = _rows(SOURCE, [key])
    return Source(key=rows[0][0], kind=rows[0][1], blocked_apps=_texts(rows[0][2])) if rows else None


def rules(source_key: str) -> list[Rule]:
    rows = _rows(RULES, [source_key])
    return [Rule(*row[:4], content_apps=frozenset(_texts(row[4]))) for row in rows]


def last_focus(subject_id: UUID, writer: str, source: str) -> LastFocus | None:
    """Return the row, locked until the caller's transaction ends."""
    rows = _rows(FOCUS, [subject_id, writer, source])
    if not rows:
        return None
    month, epoch, sealed = rows[0]
    return LastFocus(subject_id=subject_id, writer=writer, source=source, month=month, epoch=epoch, sealed=sealed)


def remember_focus(row: LastFocus) -> None:
    _rows(REMEMBER, [row.subject_id, row.writer, row.source, row.month, row.epoch, row.sealed])


def claim(*values: str | UUID | bytes | bool | date | None) -> int | None:
    """Write a receipt; return its id, or None where the batch was taken before."""
    rows = _rows(CLAIM, values)
    return rows[0][0] if rows else None


def store(blocks: Sequence[Block]) -> None:
    if blocks:
        values = [(b.subject_id, b.day, b.epoch, b.receipt_id, b.body, b.counts) for b in blocks]
        _rows(STORE + ", ".join([BLOCK] * len(blocks)), [each for row in values for each in row])
