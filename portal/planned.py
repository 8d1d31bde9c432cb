"""Statements of the hot path that each connection plans once: planning took longer than running them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary
from zlib import crc32

from django.db import OperationalError, ProgrammingError, connection
from psycopg.errors import DuplicatePreparedStatement, InvalidSqlStatementName

Rows = list[tuple[Any, ...]]
_planned: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()


def run(sql: str, values: Sequence[Any]) -> Rows:
    """Return the rows of a statement that has some."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall()


def write(sql: str, values: Sequence[Any]) -> None:
    """Run a statement that returns nothing."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def planned(name: str, types: Sequence[str], sql: str, values: Sequence[Any]) -> Rows:
    """Run a statement that is kept planned under this name.

    Behind a proxy that shares connections the name may be lost, or another's: then it is run as it is, once again.
    """
    name = f"{name}_{crc32(sql.encode()):08x}"  # another release's is another statement
    connection.ensure_connection()
    kept = _planned.setdefault(connection.connection, set())
    try:
        if name not in kept:
            numbered = sql % tuple(f"${place}" for place in range(1, len(types) + 1))
            write(f"PREPARE {name} ({', '.join(types)}) AS {numbered}", ())
            kept.add(name)
        return run(f"EXECUTE {name} ({', '.join(['%s'] * len(types))})", values)
    except (OperationalError, ProgrammingError) as error:
        lost = isinstance(error.__cause__, InvalidSqlStatementName | DuplicatePreparedStatement)
        if not lost or connection.in_atomic_block:
            raise
        kept.discard(name)
        return run(sql, values)


def forget() -> None:
    """As if another process had planned: what the connections hold is still there."""
    _planned.clear()
