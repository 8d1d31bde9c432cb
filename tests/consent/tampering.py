"""Random edits by somebody who has the database and the files in hand, past every trigger."""

from __future__ import annotations

import json
import random
import string
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import DatabaseError, connection, transaction

# What a row is told from others by: an inserted copy has others.
KEYS = {
    "consent_ledgerleaf": ["idx"],
    "consent_ledgernode": ["idx"],
    "consent_opening": ["leaf_idx"],
    "consent_decision": ["id", "leaf_idx"],
    "consent_checkpoint": ["id", "size"],
    "consent_ledgerhead": [],
    "consent_noticeversion": ["id", "version"],
    "consent_notice": [],
    "consent_gate": ["subject_id"],
}
# What an edit of says nothing about what was decided, read or erased, with the reason.
SAYS_NOTHING = {
    ("consent_decision", "id"): "names the row to Django alone; the leaf index is what everything refers to",
    ("consent_checkpoint", "id"): "names the row to Django alone; the size is what everything refers to",
    ("consent_gate", "version"): "the key of a cache: another number only has the row read again",
    ("consent_gate", "key_epoch"): "which keys seal new data; the keyring refuses another",
    ("consent_gate", "active"): "an account's state; the trail has who closed or opened it",
    ("consent_gate", "pauses"): "no decisions: the journal has them sealed, the trail has them as acts",
    ("consent_gate", "days_off"): "no decisions: the journal has them sealed; unreadable, nothing is permitted",
    ("consent_gate", "restrictions"): "no decisions: the journal has them sealed, the trail has them as acts",
    ("consent_gate", "fences"): "no decisions: the journal has them sealed, the certificate has the scope",
    ("consent_gate", "grants/before"): "taking it away behind a journalled yes permits and withholds nothing",
    (
        "consent_ledgerstate",
        "journalled/lower",
    ): "holds permissions back until the journal is next settled",
    ("consent_ledgerstate", "closed_reason"): "said anew by each comparison with the copy outside",
    ("the copy outside", "a line that is not JSON"): "what a crash leaves of one; it counts as none",
    ("consent_ledgerhead", "id"): "always 1, by a constraint that no role switches off",
}
NOT_INSERTED = {
    "consent_ledgerhead": "a second head is refused by a constraint",
    "consent_notice": "a notice without a version has no text",
}
Json = Any


@dataclass
class Tamperer:
    """Makes one edit at a time; what it did is in `told`."""

    rng: random.Random
    outside: Path
    told: str = ""

    def edit_row(self) -> None:
        """Change, delete, insert or swap rows of one table, in the caller's transaction."""
        while True:
            table = self.rng.choice(list(KEYS))
            way = self.rng.choice([self._change, self._change, self._delete, self._insert, self._swap])
            before = _fingerprint(table)
            try:
                with transaction.atomic():
                    _run("SET LOCAL session_replication_role = 'replica'")
                    self.told = f"{way.__name__} {table} {way(table)}"
            except DatabaseError:
                # A constraint refused it: nothing was edited.
                continue
            if _fingerprint(table) != before:
                return

    def _row(self, table: str, leave: str = "") -> str | None:
        rows = [row[0] for row in _run(f"SELECT ctid::text FROM {table} ORDER BY ctid") if row[0] != leave]
        return self.rng.choice(rows) if rows else None

    def _change(self, table: str) -> str:
        column, kind = self.rng.choice([each for each in _columns(table) if (table, each[0]) not in SAYS_NOTHING])
        row = self._row(table)
        form = f"{column}::text" if kind == "jsonb" else column
        ((value,),) = _run(f"SELECT {form} FROM {table} WHERE ctid = %s::tid", row)
        new = self._another(kind, value)
        _run(f"UPDATE {table} SET {column} = %s::{kind} WHERE ctid = %s::tid", new, row)
        return f"{column}: {value!r} -> {new!r}"

    def _delete(self, table: str) -> str:
        row = self._row(table)
        _run(f"DELETE FROM {table} WHERE ctid = %s::tid", row)
        return str(row)

    def _insert(self, table: str) -> str:
        if table in NOT_INSERTED:
            return ""
        new = {key: self._another(kind, 0) for key, kind in _columns(table) if key in KEYS[table]}
        columns = [name for name, _ in _columns(table)]
        picked = ", ".join("%s" if name in new else name for name in columns)
        sql = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {picked} FROM {table} WHERE ctid = %s::tid"
        _run(sql, *(new[name] for name in columns if name in new), self._row(table))
        return str(new)

    def _swap(self, table: str) -> str:
        one = self._row(table)
        other = self._row(table, leave=one or "")
        free = [name for name, _ in _columns(table) if name not in KEYS[table] and (table, name) not in SAYS_NOTHING]
        names = free if self.rng.random() < 0.5 else [self.rng.choice(free)]
        set_to = ", ".join(names)
        there = f"SELECT {set_to} FROM {table} s WHERE s.ctid = CASE t.ctid WHEN %s::tid THEN %s::tid ELSE %s::tid END"
        sql = f"UPDATE {table} t SET ({set_to}) = ({there}) WHERE t.ctid IN (%s::tid, %s::tid)"
        if other:
            _run(sql, one, other, one, one, other)
        return f"{names} of {one} and {other}"

    def _another(self, kind: str, value: Any) -> Any:
        ways: dict[str, Callable[[Any], Any]] = {
            "bytea": lambda old: self._bytes(bytes(old)),
            "jsonb": lambda old: json.dumps(self._json(json.loads(old))),
            "uuid": lambda old: uuid.UUID(int=self.rng.getrandbits(128)),
            "timestamptz": self._time,
            "varchar": self._text,
            "text": self._text,
        }
        return ways.get(kind, self._number)(value)

    def _number(self, old: int) -> int:
        return self.rng.choice([old + 1, old - 1, old + self.rng.randrange(2, 1000), -old - 1, 2**31 - 1, 2**63 - 1])

    def _time(self, old: Any) -> Any:
        step = self.rng.choice([{"microseconds": 1}, {"milliseconds": 1}, {"seconds": 1}, {"days": 40}])
        return (old or datetime.now(UTC)) + timedelta(**step) * self.rng.choice([1, -1])

    def _text(self, old: str) -> str:
        at = self.rng.randrange(len(old) + 1)
        letter = self.rng.choice(string.ascii_letters + "\n é")
        return self.rng.choice([old[:at] + letter + old[at + 1 :], old[:at] + letter + old[at:], old[:at], old.upper()])

    def _bytes(self, old: bytes) -> bytes:
        at = self.rng.randrange(len(old)) if old else 0
        flipped = old[:at] + bytes([old[at] ^ 1 << self.rng.randrange(8)]) + old[at + 1 :] if old else b"x"
        return self.rng.choice([flipped, flipped, old[:at], old + b"\0"])

    def _json(self, old: Json) -> Json:
        """Change one thing somewhere in it."""
        if isinstance(old, dict) and old and self.rng.random() < 0.9:
            name = self.rng.choice(sorted(old))
            if self.rng.random() < 0.15 and name != "before":
                return {key: value for key, value in old.items() if key != name}
            return old | {name: self._json(old[name])}
        if isinstance(old, list) and old and self.rng.random() < 0.9:
            at = self.rng.randrange(len(old))
            return self.rng.choice(
                [[*old[:at], self._json(old[at]), *old[at + 1 :]], old[:at] + old[at + 1 :], [*old, 1]]
            )
        other = [None, True, 0, "x", [], {"x": {}}]
        if isinstance(old, str):
            other += [self._text(old)] * 6
        elif isinstance(old, int):
            other += [old + self.rng.choice([-1, 1, 10**6])] * 6
        return self.rng.choice([each for each in other if json.dumps(each) != json.dumps(old)])

    def edit_outside(self) -> bytes:
        """Edit one line of the copy outside; return what it was."""
        old = self.outside.read_bytes()
        lines = old.splitlines(keepends=True)
        while (new := b"".join(self._other_lines(lines))) == old:
            pass
        self.outside.write_bytes(new)
        return old

    def _other_lines(self, lines: list[bytes]) -> list[bytes]:
        at, to = (self.rng.randrange(len(lines)) for _ in range(2))
        way = self.rng.choice(["change", "change", "delete", "insert", "swap", "join"])
        self.told = f"{way} line {at} (with {to}) of the copy outside"
        new = list(lines)
        if way == "change":
            new[at] = self._bytes(lines[at][:-1]) + b"\n"
        elif way == "join":
            new[at] = lines[at][:-1]
        elif way == "delete":
            del new[at]
        elif way == "insert":
            new.insert(to, lines[at])
        else:
            new[at], new[to] = new[to], new[at]
        return new


def _run(sql: str, *values: Any) -> list[tuple]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def _columns(table: str) -> list[tuple[str, str]]:
    sql = "SELECT column_name, udt_name FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position"
    return _run(sql, table)


def _fingerprint(table: str) -> str:
    ((found,),) = _run(f"SELECT coalesce(string_agg(t::text, ',' ORDER BY t::text), '') FROM {table} t")
    return found
