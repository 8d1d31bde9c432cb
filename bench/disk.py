"""How much place an event takes: all that the store keeps of a person's events, against a row each with its indexes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psycopg

from bench import rival
from bench.report import Row
from portal.stack.own import OwnStack

GATES = {"disk_vs_rows": 15.0}
SETTINGS = {"DJANGO_SETTINGS_MODULE": "bench.settings"}
EVENTS, DAYS = 5_000_000, 100
# Tables and their indexes; the rival's is in the same database.
TABLES = """
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND n.nspname = 'public' AND c.relname <> 'bench_rivalevent'
"""


def rows(names: Sequence[str], scale: float) -> list[Row]:
    """Measure once: neither side's size depends on the moment."""
    with tempfile.TemporaryDirectory(prefix="daylight-bench-") as place:
        Path(place).chmod(0o755)
        with OwnStack(Path(place) / "var", Path(place) / "log", **SETTINGS) as stack:
            ours, theirs = _sizes(stack, Path(place) / "rows.csv", scale)
    gate, ratio = GATES[names[0]], theirs / ours
    return [Row(names[0], round(ratio, 2), gate, ratio >= gate, round(ours, 1), round(theirs, 1), "bytes/event")]


def _sizes(stack: OwnStack, file: Path, scale: float) -> tuple[float, float]:
    """Return the bytes of an event, ours and theirs; somebody small comes first, with whom the source is made."""
    events, days = max(10_000, round(EVENTS * scale)), max(2, round(DAYS * scale))
    with rival.connect(stack) as owner, rival.connect(stack, "daylight_keys") as keyring:
        stack.manage("bench_person", "--events=1000", "--days=2")
        before = _ours(stack, owner, keyring)
        stack.manage("bench_person", f"--events={events}", f"--days={days}", f"--rows={file}")
        grown = [now - then for now, then in zip(_ours(stack, owner, keyring), before, strict=True)]
        rival.load(owner, file)
        count, size = _asked(owner, "SELECT count(*), pg_total_relation_size('bench_rivalevent') FROM bench_rivalevent")
    told = dict(zip(("objects", "tables", "keyring"), (f"{part / count:.2f}" for part in grown), strict=True))
    print(f"disk_vs_rows: {count:,} events in {days} days; bytes of an event in {json.dumps(told)}")
    return sum(grown) / count, size / count


def _ours(stack: OwnStack, owner: psycopg.Connection, keyring: psycopg.Connection) -> list[int]:
    files = [path.stat() for path in (stack.var / "vault").rglob("*") if path.is_file()]
    return [sum(each.st_blocks * 512 for each in files), _asked(owner, TABLES)[0], _asked(keyring, TABLES)[0]]


def _asked(connection: psycopg.Connection, question: str) -> tuple[int, ...]:
    row = connection.execute(question.encode()).fetchone()
    return tuple(map(int, row or ()))
