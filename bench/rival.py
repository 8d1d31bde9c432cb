"""The rival of copies and erasures: the same events as rows of the same PostgreSQL, asked as its owner."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from portal.stack.own import OwnStack
from portal.stack.postgres import Postgres

COLUMNS = "subject_id, day, t, type, source, app, x, y, button, delta_x, delta_y, code, seq"


def connect(stack: OwnStack, database: str = "daylight") -> psycopg.Connection:
    """Connect as the owner: COPY to a file and VACUUM are not for the application."""
    services = json.loads((stack.var / "stack.json").read_text(encoding="utf-8"))["services"]
    port = urlsplit(services["database"]).port or 0
    return psycopg.connect(Postgres(stack.var / "postgres", port).url(database), autocommit=True)


def load(owner: psycopg.Connection, rows: Path) -> None:
    """Take the rows in, in place of those of the round before."""
    owner.execute("TRUNCATE bench_rivalevent")
    taking = f"COPY bench_rivalevent ({COLUMNS}) FROM STDIN CSV"
    with rows.open("rb") as source, owner.cursor() as cursor, cursor.copy(taking) as copy:
        while piece := source.read(1 << 20):
            copy.write(piece)
    owner.execute("VACUUM ANALYZE bench_rivalevent")
    owner.execute("CHECKPOINT")


def copy_seconds(owner: psycopg.Connection, subject: str) -> float:
    """Return how long the server takes to write one employee's rows to a file of its own."""
    with tempfile.TemporaryDirectory(prefix="daylight-copy-", dir="/tmp") as place:
        os.chmod(place, 0o777)
        rows = f"SELECT {COLUMNS} FROM bench_rivalevent WHERE subject_id = '{subject}'"
        began = time.perf_counter()
        owner.execute(f"COPY ({rows}) TO '{place}/copy.csv' CSV")
        return time.perf_counter() - began


def delete_seconds(owner: psycopg.Connection, subject: str) -> float:
    """Return how long it takes to delete one employee's rows, and to give their place free."""
    began = time.perf_counter()
    owner.execute("DELETE FROM bench_rivalevent WHERE subject_id = %s", [subject])
    owner.execute("VACUUM bench_rivalevent")
    return time.perf_counter() - began
