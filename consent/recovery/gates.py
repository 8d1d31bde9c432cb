"""Puts pauses, restrictions, fences and absences back into a person's gate row, as the journal has them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from consent import days_off, journal
from consent.models import Gate
from consent.values import milliseconds

Facts = dict[str, Any]


def apply(kind: str, subject_id: UUID, facts: Facts) -> bool:
    """Change the person's row in the caller's transaction; return whether that changed anything."""
    row = Gate.objects.select_for_update().filter(pk=subject_id).first()
    if row is None:
        return False
    before = _said(row)
    KINDS[kind](row, facts)
    if _said(row) == before:
        return False
    row.version += 1
    row.save()
    return True


def _said(row: Gate) -> tuple[Any, ...]:
    entries = (row.pauses, row.restrictions, row.fences)
    off = days_off.opened(row.pk, bytes(row.days_off))
    return (row.active, row.returned_at, row.key_epoch, off, *([dict(each) for each in some] for some in entries))


def _pause(row: Gate, facts: Facts) -> None:
    _add(row.pauses, {name: facts[name] for name in ("key", "from_ms", "to_ms")})


def _resume(row: Gate, facts: Facts) -> None:
    at = facts["at_ms"]
    for each in row.pauses:
        if each["from_ms"] <= at:
            each["to_ms"] = min(each["to_ms"], at)


def _restriction(row: Gate, facts: Facts) -> None:
    _add(row.restrictions, {name: facts[name] for name in ("key", "scope", "from_ms", "to_ms")})


def _lift(row: Gate, facts: Facts) -> None:
    for each in row.restrictions:
        if each["key"] == facts["key"] and each["to_ms"] is None:
            each["to_ms"] = facts["at_ms"]


def _fence(row: Gate, facts: Facts) -> None:
    made = {name: facts[name] for name in ("key", "scope", "asked_ms", "lasting")}
    row.fences = [each for each in row.fences if each["key"] != made["key"]] + [made]
    row.key_epoch = max(row.key_epoch, facts["key_epoch"])


def _leave(row: Gate, facts: Facts) -> None:
    _add(row.pauses, {name: facts[name] for name in ("key", "from_ms", "to_ms")})
    row.active = False


def _return(row: Gate, facts: Facts) -> None:
    """What was observed meanwhile stays out, and no yes from before stands again."""
    at = datetime.fromisoformat(facts["at"])
    for each in row.pauses:
        if each["key"].startswith(journal.AWAY):
            each["to_ms"] = min(each["to_ms"], milliseconds(at))
    row.active = True
    row.returned_at = max(at, row.returned_at or at)


def _days_off(row: Gate, facts: Facts) -> None:
    """Each line says all days that were marked then."""
    row.days_off = days_off.sealed(row.pk, map(date.fromisoformat, facts["days"]))


def _add(entries: list[Facts], made: Facts) -> None:
    if all(each["key"] != made["key"] for each in entries):
        entries.append(made)


KINDS: dict[str, Callable[[Gate, Facts], None]] = {
    "pause": _pause,
    "resume": _resume,
    "restriction": _restriction,
    "lift": _lift,
    "fence": _fence,
    journal.LEAVE: _leave,
    journal.RETURN: _return,
    journal.DAYS_OFF: _days_off,
}
