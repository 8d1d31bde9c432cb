"""The gate: may this be kept or used, for this person, purpose and category, now?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db import connections, router
from django.utils import timezone

from consent import days_off, terms
from consent.days_off import NO_DAYS
from consent.models import Gate, NoticeVersion
from consent.values import (
    FOREVER_MS,
    Fence,
    GateState,
    Grant,
    NotAllowed,
    Pause,
    Restriction,
    Scope,
    Withheld,
    milliseconds,
)

# One statement, so that no permission can be read with another moment's journal or closure.
COLUMNS = """
       g.version, g.key_epoch, g.active, g.days_off,
       g.grants::text, g.pauses::text, g.restrictions::text, g.fences::text,
       coalesce(o.journalled, 0), coalesce(o.closed_reason, '')
"""
ROW = """
FROM consent_gate g LEFT JOIN consent_ledgerstate o ON o.id = 1
WHERE g.subject_id = %s
"""
READ = " ".join(["SELECT", COLUMNS, ROW])
STRIP = """
WITH held AS (SELECT subject_id FROM consent_gate WHERE grants ? %s ORDER BY subject_id FOR UPDATE)
UPDATE consent_gate g SET grants = g.grants - %s, version = g.version + 1 FROM held WHERE g.subject_id = held.subject_id
"""
HOLD = READ + "FOR SHARE OF g"
FIELDS = [field.attname for field in Gate._meta.concrete_fields]
READ_ALL = " ".join(["SELECT", ", ".join(FIELDS), "FROM consent_gate WHERE subject_id = %s"])
AS_JSON = ("grants", "pauses", "restrictions", "fences")


def read(subject_id: UUID) -> GateState | None:
    """Return what is permitted now, or None where nobody was admitted under this id."""
    return _state(subject_id, READ)


def hold(subject_id: UUID) -> GateState | None:
    """Read and keep decisions out until the caller's transaction ends."""
    return _state(subject_id, HOLD)


def row(subject_id: UUID) -> Gate:
    """Return the whole row; raises Gate.DoesNotExist."""
    return _row(subject_id, READ_ALL)


def hold_exclusive(subject_id: UUID) -> Gate:
    """Lock the row for a change; raises Gate.DoesNotExist."""
    return _row(subject_id, READ_ALL + " FOR UPDATE")


def _row(subject_id: UUID, sql: str) -> Gate:
    connection = connections[router.db_for_write(Gate)]
    with connection.cursor() as cursor:
        cursor.execute(sql, [subject_id])
        values = cursor.fetchone()
    if values is None:
        raise Gate.DoesNotExist
    found = Gate.from_db(connection.alias, FIELDS, values)
    for name in AS_JSON:
        setattr(found, name, json.loads(getattr(found, name)))
    return found


def lock(subject_ids: Sequence[UUID]) -> list[Gate]:
    """Lock the rows of several people for a change, always in the order of their ids; raises NotAllowed."""
    rows = list(Gate.objects.select_for_update().filter(pk__in=subject_ids).order_by("pk"))
    if len(rows) != len(set(subject_ids)):
        raise NotAllowed("subject.unknown")
    return rows


def strip(purpose_key: str) -> int:
    """Take a purpose out of every row, in the order of ids; return how many had it."""
    with connections[router.db_for_write(Gate)].cursor() as cursor:
        cursor.execute(STRIP, [purpose_key, purpose_key])
        return int(cursor.rowcount)


def _state(subject_id: UUID, sql: str) -> GateState | None:
    with connections[router.db_for_read(Gate)].cursor() as cursor:
        cursor.execute(sql, [subject_id])
        row = cursor.fetchone()
    return None if row is None else evaluate(subject_id, row)


def evaluate(subject_id: UUID, row: Sequence[Any]) -> GateState:
    """Return what a row with these COLUMNS says at this moment."""
    version, epoch, active, marked, *texts, journalled, closed = row
    chains, pauses, restrictions, fences = _parsed(*texts)
    off = days_off.opened(subject_id, bytes(marked))
    return GateState(
        subject_id=subject_id,
        version=version,
        key_epoch=epoch,
        # Days that cannot be read are all of them: nothing is permitted.
        grants=_in_force(chains, journalled, milliseconds(timezone.now())) if active and off is not None else {},
        pauses=pauses,
        restrictions=restrictions,
        fences=fences,
        closed=closed,
        days_off=off or NO_DAYS,
    )


Chains = dict[str, tuple[Grant, ...]]
About = tuple[str, int, str, str, str]
Parsed = tuple[Chains, tuple[Pause, ...], tuple[Restriction, ...], tuple[Fence, ...]]


@lru_cache(maxsize=1024)
def _parsed(grants: str, pauses: str, restrictions: str, fences: str) -> Parsed:
    """Read the texts of a row in full: the same texts say the same, and a device asks every few seconds."""
    return (
        _chains(json.loads(grants)),
        tuple(Pause(**each) for each in json.loads(pauses)),
        tuple(map(_restriction, json.loads(restrictions))),
        tuple(map(_fence, json.loads(fences))),
    )


def _chains(raw: dict[str, Any]) -> Chains:
    """Return of each purpose its grant, and then the one that stood before it."""
    return {purpose: tuple(_chain(purpose, entry)) for purpose, entry in raw.items()}


def _chain(purpose: str, entry: dict[str, Any] | None) -> Iterator[Grant]:
    while entry is not None:
        yield _grant(purpose, entry)
        entry = entry.get("before")


def grants_in_force(raw: dict[str, Any], journalled: int, now_ms: int) -> dict[str, Grant]:
    """Return what the journal has and has not lapsed; while a new answer waits, the one before it stands."""
    return _in_force(_chains(raw), journalled, now_ms)


def _in_force(chains: Chains, journalled: int, now_ms: int) -> dict[str, Grant]:
    standing = (next((each for each in chain if each.leaf < journalled), None) for chain in chains.values())
    return {each.purpose: each for each in standing if each and (each.until_ms or FOREVER_MS) > now_ms}


def in_force(entry: dict[str, Any] | None, journalled: int, now_ms: int) -> dict[str, Any] | None:
    while entry is not None and entry["leaf"] >= journalled:
        entry = entry.get("before")
    lapsed = entry is not None and (entry.get("until_ms") or FOREVER_MS) <= now_ms
    return None if lapsed else entry


def _grant(purpose: str, entry: dict[str, Any]) -> Grant:
    return Grant(
        purpose=purpose,
        basis=entry["basis"],
        since_ms=entry["since_ms"],
        version=entry["version"],
        leaf=entry["leaf"],
        covers={source: frozenset(named) for source, named in entry["covers"].items()},
        sha256=entry.get("sha256", ""),
        rules=terms.read_rules(entry["rules"]) if "rules" in entry else None,
        until_ms=entry.get("until_ms"),
    )


def permission(notice: NoticeVersion, at: datetime) -> dict[str, Any]:
    """Return what a yes to this version at that time permits, as a grant in the gate row has it."""
    until = terms.until(notice.terms, at)
    return {
        "covers": notice.covers,
        **({"rules": terms.rules_of(notice.terms)} if notice.terms else {}),
        **({"until_ms": milliseconds(until)} if until else {}),
    }


def _restriction(raw: dict[str, Any]) -> Restriction:
    return Restriction(raw["key"], Scope.from_json(raw["scope"]), raw["from_ms"], raw["to_ms"], raw.get("ground", ""))


def _fence(raw: dict[str, Any]) -> Fence:
    return Fence(raw["key"], Scope.from_json(raw["scope"]), raw["asked_ms"])


def allows(
    state: GateState | None,
    *,
    purpose: str,
    category: str,
    source: str,
    t_ms: int,
    app: str = "unknown",
    collector: str = "",
    imported: bool = False,
) -> Withheld | None:
    """Return why this may not be kept for this purpose, or None if it may.

    `imported` recordings are older than any answer: for them a grant in force now is enough.
    """
    grant = state.grants.get(purpose) if state else None
    if state is None or grant is None or category not in grant.covers.get(source, ()):
        return Withheld.NOT_PERMITTED
    if grant.until_ms is not None and t_ms >= grant.until_ms:
        return Withheld.NOT_PERMITTED
    if t_ms < grant.since_ms and not imported:
        return Withheld.BEFORE_GRANT
    if any(pause.from_ms <= t_ms < pause.to_ms for pause in state.pauses):
        return Withheld.PAUSED
    about = (category, t_ms, source, app, collector)
    if any(_restricts(each, purpose, about) for each in state.restrictions):
        return Withheld.RESTRICTED
    if any(_fences(each, purpose, about) for each in state.fences):
        return Withheld.ERASED
    return None


def _restricts(each: Restriction, purpose: str, about: About) -> bool:
    # While it stands nothing in its scope is processed, whenever it was observed.
    meanwhile = each.to_ms is None or each.from_ms <= about[1] < each.to_ms
    return meanwhile and each.scope.concerns(purpose) and each.scope.covers(*about)


def _fences(each: Fence, purpose: str, about: About) -> bool:
    # What a hold keeps from an erasure stays, and is used no more than the rest.
    return about[1] < each.asked_ms and each.scope.concerns(purpose) and each.scope.whole.covers(*about)
