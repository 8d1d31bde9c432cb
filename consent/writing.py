"""Writes many rows in one statement, their values as one JSON text: quoting them one by one took most of the time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import connections, router

from consent.models import Decision, Gate, LedgerHead

APPEND = """
WITH leaf AS (
    INSERT INTO consent_ledgerleaf (idx, entry, leaf_hash)
    SELECT idx, decode(entry, 'hex'), decode(hash, 'hex')
    FROM json_to_recordset(%s) AS l (idx bigint, entry text, hash text)
), node AS (
    INSERT INTO consent_ledgernode (level, idx, hash)
    SELECT level, idx, decode(hash, 'hex') FROM json_to_recordset(%s) AS n (level smallint, idx bigint, hash text)
), opening AS (
    INSERT INTO consent_opening (leaf_idx, subject_id, sealed)
    SELECT idx, subject_id, decode(sealed, 'hex')
    FROM json_to_recordset(%s) AS o (idx bigint, subject_id uuid, sealed text)
)
UPDATE consent_ledgerhead SET size = %s, frontier = %s WHERE id = %s
"""
DECIDE = """
INSERT INTO consent_decision (subject_id, leaf_idx, purpose_key, notice_version, notice_sha256, kind, at, path)
SELECT subject_id, idx, %s, %s, %s, %s, %s, %s
FROM json_to_recordset(%s) AS d (subject_id uuid, idx bigint) RETURNING leaf_idx, id
"""
SAVE_GRANTS = """
UPDATE consent_gate g SET version = g.version + 1, grants = g.grants - %s || answered.value::jsonb
FROM json_each(%s) AS answered WHERE g.subject_id = answered.key::uuid
"""
Leaf = tuple[int, bytes, bytes]  # index, entry, hash
Node = tuple[int, int, bytes]  # level, index, hash
Sealed = tuple[int, UUID, bytes]  # index, whose, opening


def append(leaves: Iterable[Leaf], nodes: Iterable[Node], openings: Iterable[Sealed], head: LedgerHead) -> None:
    """Write what the ledger grows by, and its head, which the caller holds."""
    values = [
        _json({"idx": idx, "entry": entry.hex(), "hash": hashed.hex()} for idx, entry, hashed in leaves),
        _json({"level": level, "idx": idx, "hash": hashed.hex()} for level, idx, hashed in nodes),
        _json({"idx": idx, "subject_id": str(whose), "sealed": sealed.hex()} for idx, whose, sealed in openings),
    ]
    with connections[router.db_for_write(LedgerHead)].cursor() as cursor:
        cursor.execute(APPEND, [*values, head.size, head.frontier, head.pk])


def decide(decisions: Sequence[Decision]) -> None:
    """Write decisions that differ in person and leaf alone."""
    one = decisions[0]
    said = [one.purpose_key, one.notice_version, one.notice_sha256, one.kind, one.at, one.path]
    differing = _json({"subject_id": str(each.subject_id), "idx": each.leaf_idx} for each in decisions)
    with connections[router.db_for_write(Decision)].cursor() as cursor:
        cursor.execute(DECIDE, [*said, differing])
        made = dict(cursor.fetchall())
    for each in decisions:
        each.pk = made[each.leaf_idx]


def save_grants(rows: Sequence[Gate], purpose_key: str) -> None:
    """Write what rows that are locked have of a purpose: the grant, or that there is none; the others stand."""
    mine = {str(row.pk): {key: each for key, each in row.grants.items() if key == purpose_key} for row in rows}
    with connections[router.db_for_write(Gate)].cursor() as cursor:
        cursor.execute(SAVE_GRANTS, [purpose_key, json.dumps(mine)])


def _json(rows: Iterable[dict[str, Any]]) -> str:
    return json.dumps(list(rows), separators=(",", ":"))
