"""Decisions a second, and how long the gate thinks; prints the rounds of each as JSON."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection, transaction

from consent import actions, gate, ledger
from consent.values import CATEGORIES, Scope
from portal.vault import keys

TOGETHER = 200
COMMITS = 5
ALONE = 60
ASKED = 2000
NOW_MS = 1_790_000_000_000


class Command(BaseCommand):
    help = "Measure decisions and the gate, in this process and against this stack."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rounds", type=int, default=7)

    def handle(self, *args: Any, **options: Any) -> None:
        people = _people(TOGETHER * COMMITS)
        # The first round warms keys and plans, and is not counted.
        decided = [_decisions(people, f"p{turn}") for turn in range(options["rounds"] + 1)][1:]
        thought = [_gate(people[-1]) for _ in range(options["rounds"])]
        found = {name: [each[name] for each in rounds] for rounds in (decided, thought) for name in rounds[0]}
        self.stdout.write(json.dumps(found))


def _people(count: int) -> list[uuid.UUID]:
    people = [uuid.uuid4() for _ in range(count)]
    for each in people:
        keys.make_person(each)
    with transaction.atomic():
        for each in people:
            actions.admit(subject_id=each)
    return people


def _terms(key: str) -> dict[str, Any]:
    """All that a notice says of one source that collects everything."""
    flow = {"off_hours": False, "exact_timing": False, "content_apps": [], "why": "To learn from it."}
    return {
        "purpose": {"key": key, "title": key, "description": "Train models."},
        "basis": "consent",
        "sources": {"agent": {"title": "Agent", "blocked_apps": ["bank", "health"],
                              "categories": {name: dict(flow) for name in CATEGORIES}}},
        "retention": dict.fromkeys(CATEGORIES, 30),
        "expires": {"after_days": 365},
    }  # fmt: skip


def _decisions(people: list[uuid.UUID], key: str) -> dict[str, float]:
    """Let everybody say yes to a new purpose, 200 in a commit; some then say no again, and each alone."""
    said = {"refusal_consequence": "Nothing happens.", "alternative": "We do without."}
    actions.define_purpose(key=key, title=key, basis="consent", categories=CATEGORIES, **said)
    actions.publish_notice(purpose_key=key, language="en", text="What we do.", terms=_terms(key))

    def together() -> None:
        for at in range(0, len(people), TOGETHER):
            actions.give_many(subject_ids=people[at : at + TOGETHER], purpose_key=key, path="bench")

    def alone() -> None:
        for each in people[:ALONE]:
            actions.withdraw(subject_id=each, purpose_key=key, path="bench")

    signing = ledger.sign
    # The checkpoint is left out: it is the same one signature however many decided.
    ledger.sign = lambda: None
    try:
        found = {"together": len(people) / _seconds(together), "alone": ALONE / _seconds(alone)}
    finally:
        ledger.sign = signing
    return found


def _gate(subject_id: uuid.UUID) -> dict[str, float]:
    """Return microseconds from the row, as it was read, to the answer: of a row seen before, and of a new one."""
    if not gate.read(subject_id).fences:
        actions.restrict(subject_id=subject_id, scope=Scope(categories=frozenset({"scrolling"})))
        actions.pause(subject_id=subject_id)
        actions.resume(subject_id=subject_id)
        actions.fence(subject_id=subject_id, key="bench", scope=Scope(to_ms=1), asked_ms=1, key_epoch=1)
    with connection.cursor() as cursor:
        cursor.execute(gate.READ, [subject_id])
        row = cursor.fetchone()
    purpose = max(gate.evaluate(subject_id, row).grants)

    def ask(rows: Iterable[Sequence[Any]]) -> float:
        def each() -> None:
            for seen in rows:
                state = gate.evaluate(subject_id, seen)
                gate.allows(state, purpose=purpose, category="pointer_movement", source="agent", t_ms=NOW_MS)

        return _seconds(each) / ASKED * 1e6

    # A space more makes it another text that says the same.
    at = next(at for at, value in enumerate(row) if isinstance(value, str))
    fresh = [(*row[:at], row[at] + " " * more, *row[at + 1 :]) for more in range(ASKED)]
    return {"gate_us": ask([row] * ASKED), "gate_new_us": ask(fresh)}


def _seconds(work: Callable[[], None]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
