"""The statements that every batch needs, in SQL: built by the ORM they cost more than all else together."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from consent.gate import COLUMNS, evaluate
from consent.values import FOREVER_MS, GateState
from portal.events.enrolment.values import DEVICE_ENDED, WRITER, bar
from portal.events.models import BatchReceipt, Block, LastFocus, Sender
from portal.people.models import Employee
from portal.planned import planned, run, write
from portal.register.models import Source
from portal.register.standing import concerns, country_of

# Source with its live flows, person, whether their country and that of the device have agreed to the source, how the
# collector stands, what has to be acknowledged first, the last window of this sender, what is written down of it, and
# the gate, read at the same moment as all else: each may be missing without the others.
LOOK = """
SELECT s.key, s.kind, s.blocked_apps, s.rules, e.id, e.time_zone, e.working_hours, e.jurisdiction,
       l.month, l.epoch, l.sealed, d.waiting, d.sealed,
       NOT EXISTS (
           SELECT 1 FROM (VALUES (split_part(e.jurisdiction, '-', 1)), (nullif(split_part(v.country, '-', 1), '')))
                AS here(country)
             JOIN register_controller c ON c.agreement_required
              AND (c.agreement_countries = '[]' OR c.agreement_countries ? here.country)
            WHERE here.country IS NOT NULL
              AND NOT EXISTS (SELECT 1 FROM register_worksagreement w
                               WHERE w.source_id = s.key AND w.country IN ('', here.country))),
       s.allowed_apps, s.redaction, i.state, v.ownership, v.agreed, v.country,
       (SELECT jsonb_agg(jsonb_build_array(p.purpose_key, p.jurisdictions)) FROM register_purposerecord p
          JOIN consent_purpose u ON u.key = p.purpose_key AND u.state = 'live' WHERE p.must_acknowledge){gate}
  FROM (SELECT %s::text AS writer, %s::uuid AS collector) one
  LEFT JOIN (
       SELECT key, kind, blocked_apps, allowed_apps, redaction,
              (SELECT jsonb_agg(jsonb_build_array(
                          f.category, f.purpose_key, f.off_hours, f.exact_timing, f.content_apps, p.jurisdictions))
                 FROM register_flow f LEFT JOIN register_purposerecord p ON p.purpose_key = f.purpose_key
                WHERE f.source_id = r.key AND f.state = 'live') rules
         FROM register_source r WHERE state = 'live') s ON {which}
  LEFT JOIN people_employee e ON e.{named_by} = %s
  LEFT JOIN events_lastfocus l ON l.subject_id = e.id AND l.source = s.key AND l.writer = one.writer
  LEFT JOIN events_sender d ON d.subject_id = e.id AND d.source = s.key AND d.writer = one.writer
  LEFT JOIN consent_gate g ON g.subject_id = e.id
  LEFT JOIN consent_ledgerstate o ON o.id = 1
  LEFT JOIN enrolment_collector i ON i.id = one.collector AND i.subject_id = e.id AND i.source = s.key
  LEFT JOIN enrolment_device v ON v.id = i.device_id
"""
LOOK_AT_ONE = {
    by: LOOK.format(which="s.key = %s", named_by=by, gate=f", {COLUMNS}") for by in ("id", "employee_number")
}
LOOK_AT_ALL = LOOK.format(which="s.key <> %s", named_by="id", gate="")
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
# Holds the gate row until the commit, if it is still as it was read and none of its answers lapsed since; a decision
# being made is waited for. Waits also for another transaction that takes the same batch, and writes nothing if that
# one commits.
CLAIM = """
WITH held AS (
    SELECT 1 FROM consent_gate WHERE subject_id = %s AND version = %s AND key_epoch = %s
       AND extract(epoch FROM clock_timestamp()) * 1000 < %s
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
HELD_TYPES = ("uuid", "bigint", "int", "bigint")
CLAIM_TYPES = (*HELD_TYPES, "uuid", "text", "uuid", "uuid", "bytea", "bytea", "bool", "date", "date")
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
class Installed:
    """A collector: why nothing that it sends is kept, and the country of its device where that is another one."""

    bar: str = ""
    country: str = ""


@dataclass(frozen=True)
class Known:
    """What is known when a batch or a question comes in; None where there is no such live source or person.

    `rules` are the flows that concern the person, `first` the purposes of which they have to be told before anything is
    collected; not `agreed` is a source that a works agreement is still missing for, in their country or the device's.
    `gate` is the gate's row as all this was read, `installed` the collector that sends, where one does.
    """

    source: Source | None
    rules: tuple[Rule, ...]
    employee: Employee | None
    focus: LastFocus | None
    agreed: bool = True
    first: tuple[str, ...] = ()
    sender: Sender | None = None
    gate: tuple[Any, ...] | None = None
    installed: Installed | None = None

    def state(self) -> GateState | None:
        """Return what the gate permits now, or None where nobody was admitted."""
        admitted = self.employee is not None and self.gate is not None
        return evaluate(self.employee.pk, self.gate) if admitted else None

    @property
    def places(self) -> set[str]:
        """Where the rules have to hold: for the person, and where their device is."""
        mine = {self.employee.jurisdiction} if self.employee else set()
        return mine | ({self.installed.country} if self.installed and self.installed.country else set())


def _json(value: Any) -> Any:
    """Django's connection hands JSON columns of a raw SELECT over as text."""
    return json.loads(value) if isinstance(value, str) else value


def look(source: str, named: UUID | str, writer: str) -> Known:
    """Return what there is; a person is named by subject_id or, as a text, by employee number."""
    by = "id" if isinstance(named, UUID) else "employee_number"
    types = ("text", "uuid", "text", "uuid" if by == "id" else "text")
    values = [writer, _collector(writer), source, named]
    return _known(writer, planned(f"daylight_look_{by}", types, LOOK_AT_ONE[by], values)[0])


def look_everywhere(subject_id: UUID) -> list[Known]:
    """Return what there is of each live source, whoever sends; the gate is the caller's to read."""
    rows = run(LOOK_AT_ALL, ["", None, "", subject_id])
    return [_known("", row) for row in sorted(rows, key=lambda row: row[0] or "") if row[0]]


def _collector(writer: str) -> UUID | None:
    return UUID(writer.removeprefix(WRITER)) if writer.startswith(WRITER) else None


def _known(writer: str, row: tuple[Any, ...]) -> Known:
    source, kind, blocked, rules, subject_id, zone, hours, where, month, epoch, fronts, waiting, sealed = row[:13]
    agreed, allowed, redaction, *installation, first = row[13:21]
    gate = row[21:]
    lists = {"blocked_apps": _json(blocked), "allowed_apps": _json(allowed), "redaction": _json(redaction)}
    known_source = Source(key=source, kind=kind, **lists) if kind else None
    if not subject_id:
        return Known(known_source, (), None, None)
    installed = _installed(writer, where, *installation)
    # Of the person's country and the device's the stricter counts: what concerns one of them alone is not collected.
    places = {where, installed.country or where} if installed else {where}
    return Known(
        known_source,
        tuple(_rule(each) for each in _json(rules) or () if _concerns_all(each[5], places)),
        Employee(id=subject_id, time_zone=zone, working_hours=hours, jurisdiction=where),
        _focus(subject_id, writer, source, (month, epoch, fronts)) if month else None,
        agreed,
        tuple(purpose for purpose, named in _json(first) or () if any(concerns(named, place) for place in places)),
        None if waiting is None else _sender(subject_id, writer, source, waiting, sealed),
        gate if gate and gate[0] is not None else None,
        installed,
    )


def _installed(writer: str, where: str, state: str | None, *device: Any) -> Installed | None:
    """Return how a collector stands; one that is not there any more has ended."""
    if not writer.startswith(WRITER):
        return None
    if not state:
        return Installed(DEVICE_ENDED)
    ownership, agreed, country = device
    return Installed(bar(state, ownership, agreed), "" if country == country_of(where) else country)


def _concerns_all(named: list[str] | None, places: Iterable[str]) -> bool:
    return not named or all(concerns(named, place) for place in places)


def _sender(subject_id: UUID, writer: str, source: str, waiting: bool, sealed: bytes) -> Sender:
    return Sender(subject_id=subject_id, writer=writer, source=source, waiting=waiting, sealed=sealed)


def _rule(row: list[Any]) -> Rule:
    return Rule(*row[:4], frozenset(row[4]))


def _focus(subject_id: UUID, writer: str, source: str, row: tuple[str, int, bytes]) -> LastFocus:
    whose = {"subject_id": subject_id, "writer": writer, "source": source}
    return LastFocus(**whose, month=row[0], epoch=row[1], sealed=row[2])


def lock_focus(subject_id: UUID, writer: str, source: str) -> LastFocus:
    """Return the sender's row, made if need be, and keep others waiting until the caller's transaction ends."""
    whose = [subject_id, writer, source]
    while not (rows := run(FOCUS, whose)):
        write(NO_FOCUS, whose)
    return _focus(subject_id, writer, source, rows[0])


def remember_focus(row: LastFocus) -> None:
    write(REMEMBER, [row.month, row.epoch, row.sealed, row.subject_id, row.writer, row.source])


class Changed(Exception):
    """The gate is no longer as it was read: nothing was written."""


class Taken(Exception):
    """This batch was taken before: nothing was written."""


def _lapses(state: GateState) -> int:
    """Return when the first of the answers ends by itself."""
    return min((grant.until_ms for grant in state.grants.values() if grant.until_ms is not None), default=FOREVER_MS)


def store(state: GateState, receipt: BatchReceipt, blocks: Sequence[Block]) -> None:
    """Write receipt and blocks, in one statement and under the gate as it was read; raises Changed or Taken."""
    r = receipt
    values: list[Any] = [state.subject_id, state.version, state.key_epoch, _lapses(state)]
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
