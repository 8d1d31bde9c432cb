"""The statements that every batch needs, in SQL: built by the ORM they cost more than all else together."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from consent.values import GateState
from portal.events.models import BatchReceipt, Block, LastFocus
from portal.people.models import Employee
from portal.planned import planned, run
from portal.register.models import Source

# Source with its live flows, person, and the last window of this sender: each may be missing without the others.
LOOK = """
SELECT s.kind, s.blocked_apps, s.rules, e.id, e.time_zone, e.working_hours, l.month, l.epoch, l.sealed
  FROM (SELECT 1) one
  LEFT JOIN (
       SELECT key, kind, blocked_apps,
              (SELECT jsonb_agg(jsonb_build_array(category, purpose_key, off_hours, exact_timing, content_apps))
                 FROM register_flow f WHERE f.source_id = r.key AND f.state = 'live') rules
         FROM register_source r WHERE state = 'live') s ON s.key = %s
  LEFT JOIN people_employee e ON e.{named_by} = %s
  LEFT JOIN events_lastfocus l ON l.subject_id = e.id AND l.source = s.key AND l.writer = %s
"""
FOCUS = """
SELECT month, epoch, sealed FROM events_lastfocus
 WHERE subject_id = %s AND writer = %s AND source = %s FOR UPDATE
"""
NO_FOCUS = """
INSERT INTO events_lastfocus (subject_id, writer, source, month, epoch, sealed) VALUES (%s, %s, %s, '', 0, '')
ON CONFLICT (subject_id, writer, source) DO NOTHING
"""
REMEMBER = """
UPDATE events_lastfocus SET month = %s, epoch = %s, sealed = %s
 WHERE subject_id = %s AND writer = %s AND source = %s
"""
# Holds the gate row, if it is still as it was read, until the commit; a decision being made is waited for. Waits also
# for another transaction that takes the same batch, and writes nothing if that one commits.
CLAIM = """
WITH held AS (
    SELECT 1 FROM consent_gate WHERE subject_id = %s AND version = %s AND key_epoch = %s
       AND NOT EXISTS (SELECT 1 FROM consent_ledgerstate WHERE closed_reason <> '') FOR SHARE
), claimed AS (
    INSERT INTO events_batchreceipt (id, writer, batch, subject_id, digest, answer, imported, arrived, settled)
    SELECT %s::uuid, %s, %s::uuid, %s::uuid, %s::bytea, %s::bytea, %s, %s::date, %s::date FROM held
    ON CONFLICT (writer, batch) DO NOTHING RETURNING id
)"""
STORE = """, stored AS (
    INSERT INTO events_block (subject_id, day, epoch, receipt_id, body, counts, folded)
    SELECT subject_id, day, epoch, claimed.id, body, counts, false
      FROM claimed, (VALUES {blocks}) AS given(subject_id, day, epoch, body, counts)
)"""
BLOCK = "(%s::uuid, %s::date, %s::int, %s::bytea, %s::bytea)"
CLAIM_TYPES = ("uuid", "bigint", "int", "uuid", "text", "uuid", "uuid", "bytea", "bytea", "bool", "date", "date")
BLOCK_TYPES = ("uuid", "date", "int", "bytea", "bytea")
STORED = " SELECT (SELECT count(*) FROM held), (SELECT count(*) FROM claimed)"


@dataclass(frozen=True)
class Rule:
    """A live flow, as far as ingest asks."""

    category: str
    purpose_key: str
    off_hours: bool
    exact_timing: bool
    content_apps: frozenset[str]


@dataclass(frozen=True)
class Known:
    """What is known when a batch or a question comes in; None where there is no such live source or person."""

    source: Source | None
    rules: tuple[Rule, ...]
    employee: Employee | None
    focus: LastFocus | None


def _json(value: Any) -> Any:
    """Django's connection hands JSON columns of a raw SELECT over as text."""
    return json.loads(value) if isinstance(value, str) else value


def look(source: str, named: UUID | str, writer: str) -> Known:
    """Return what there is; a person is named by subject_id or, as a text, by employee number."""
    by = "id" if isinstance(named, UUID) else "employee_number"
    types = ("text", "uuid" if by == "id" else "text", "text")
    row = planned(f"daylight_look_{by}", types, LOOK.format(named_by=by), [source, named, writer])[0]
    kind, blocked, rules, subject_id, zone, hours, month, epoch, sealed = row
    known_source = Source(key=source, kind=kind, blocked_apps=_json(blocked)) if kind else None
    person = Employee(id=subject_id, time_zone=zone, working_hours=hours) if subject_id else None
    focus = None
    if month:
        focus = _focus(subject_id, writer, source, (month, epoch, sealed))
    return Known(known_source, tuple(Rule(*each[:4], frozenset(each[4])) for each in _json(rules) or ()), person, focus)


def _focus(subject_id: UUID, writer: str, source: str, row: tuple[str, int, bytes]) -> LastFocus:
    whose = {"subject_id": subject_id, "writer": writer, "source": source}
    return LastFocus(**whose, month=row[0], epoch=row[1], sealed=row[2])


def lock_focus(subject_id: UUID, writer: str, source: str) -> LastFocus:
    """Return the sender's row, made if need be, and keep others waiting until the caller's transaction ends."""
    whose = [subject_id, writer, source]
    while not (rows := run(FOCUS, whose)):
        run(NO_FOCUS, whose)
    return _focus(subject_id, writer, source, rows[0])


def remember_focus(row: LastFocus) -> None:
    run(REMEMBER, [row.month, row.epoch, row.sealed, row.subject_id, row.writer, row.source])


class Changed(Exception):
    """The gate is no longer as it was read: nothing was written."""


class Taken(Exception):
    """This batch was taken before: nothing was written."""


def store(state: GateState, receipt: BatchReceipt, blocks: Sequence[Block]) -> None:
    """Write receipt and blocks, in one statement and under the gate as it was read; raises Changed or Taken."""
    r = receipt
    values: list[Any] = [state.subject_id, state.version, state.key_epoch]
    values += [r.pk, r.writer, r.batch, r.subject_id, r.digest, r.answer, r.imported, r.arrived, r.settled]
    for block in blocks:
        values += [block.subject_id, block.day, block.epoch, block.body, block.counts]
    stored = STORE.format(blocks=", ".join([BLOCK] * len(blocks))) if blocks else ""
    types = CLAIM_TYPES + BLOCK_TYPES * len(blocks)
    if len(blocks) <= 1:
        held, claimed = planned(f"daylight_store_{len(blocks)}", types, CLAIM + stored + STORED, values)[0]
    else:
        held, claimed = run(CLAIM + stored + STORED, values)[0]
    if not held:
        raise Changed
    if not claimed:
        raise Taken
