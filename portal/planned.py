"""Statements of the hot path that each connection plans once: planning took longer than running them.

They go to libpq as they are: a cursor takes five times as long over one as the server does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary
from zlib import crc32

from django.db import OperationalError, ProgrammingError, connection
from psycopg import Connection
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import DuplicatePreparedStatement, InvalidSqlStatementName, error_from_result
from psycopg.pq import ExecStatus, TransactionStatus

Rows = list[tuple[Any, ...]]
DONE = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK)


@dataclass
class _Plans:
    """What one connection has planned, and what turns values into the server's and back."""

    values: Transformer
    names: set[str] = field(default_factory=set)


_plans: WeakKeyDictionary[Connection[Any], _Plans] = WeakKeyDictionary()


def run(sql: str, values: Sequence[Any]) -> Rows:
    """Return the rows of a statement, none where it has none to return."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return cursor.fetchall() if cursor.description else []


def write(sql: str, values: Sequence[Any]) -> None:
    """Run a statement that returns nothing."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def planned(name: str, types: Sequence[str], sql: str, values: Sequence[Any]) -> Rows:
    """Run a statement that is kept planned under this name, and return its rows.

    Behind a proxy that shares connections the name may be lost, or another's: then it is run as it is, once again.
    """
    name = f"{name}_{crc32(sql.encode()):08x}"  # another release's is another statement
    kept = _plans_here()
    try:
        if name not in kept.names:
            numbered = sql % tuple(f"${place}" for place in range(1, len(types) + 1))
            write(f"PREPARE {name} ({', '.join(types)}) AS {numbered}", ())
            kept.names.add(name)
        if _by_cursor():
            return run(f"EXECUTE {name} ({', '.join(['%s'] * len(types))})", values)
        return _execute(name, values, kept.values)
    except (OperationalError, ProgrammingError) as error:
        lost = isinstance(error.__cause__, InvalidSqlStatementName | DuplicatePreparedStatement)
        if not lost or connection.in_atomic_block:
            raise
        kept.names.discard(name)
        return run(sql, values)


def _plans_here() -> _Plans:
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    here = connection.connection
    return _plans.get(here) or _plans.setdefault(here, _Plans(Transformer(here.adapters)))


def _by_cursor() -> bool:
    """Whether a cursor has to run it: where somebody watches, and as the first of a transaction, which that begins."""
    idle = connection.connection.pgconn.transaction_status == TransactionStatus.IDLE
    return connection.queries_logged or bool(connection.execute_wrappers) or (idle and connection.in_atomic_block)


def _execute(name: str, values: Sequence[Any], transformer: Transformer) -> Rows:
    connection.validate_no_broken_transaction()
    # As text the server reads a value as the type that was declared; bytes would have to be escaped for that.
    formats = [PyFormat.BINARY if isinstance(value, bytes) else PyFormat.TEXT for value in values]
    with connection.wrap_database_errors:
        given = transformer.dump_sequence(values, formats)
        result = connection.connection.pgconn.exec_prepared(name.encode(), given, transformer.formats)
        if result.status not in DONE:
            raise error_from_result(result)
        transformer.set_pgresult(result)
        return transformer.load_rows(0, result.ntuples, tuple)


def forget() -> None:
    """As if another process had planned: what the connections hold is still there."""
    _plans.clear()
