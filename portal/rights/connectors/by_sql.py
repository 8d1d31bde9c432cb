"""Asks a PostgreSQL database: one statement, its values bound, within a limit of time and rows."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings
from django.utils.translation import gettext as _
from psycopg.errors import QueryCanceled, ReadOnlySqlTransaction

from portal.register.models import Store
from portal.register.statements import for_driver, names
from portal.rights.connectors import secrets
from portal.rights.connectors.models import StoreTask
from portal.rights.connectors.values import Found, NoAnswer, Outcome, Person, TaskState
from portal.rights.tables import safe
from portal.rights.values import Format, Kind

CONNECT_SECONDS = 5
SPARE_SECONDS = 8


def ask(task: StoreTask, store: Store, person: Person) -> Outcome:
    """Read, or delete; a deletion that may have been run before is run again, which is why it must be repeatable."""
    erases = task.request.kind == Kind.ERASURE
    with _connected(store, read_only=not erases) as connection:
        if erases:
            return _erased(connection, task, store, person)
        return _read(connection, task, store, person)


@contextmanager
def _connected(store: Store, *, read_only: bool) -> Iterator[psycopg.Connection[Any]]:
    """Open a connection, and say in words what went wrong with it: of a commit that broke off nobody knows the end."""
    longest = max(1, min(store.how["seconds"], settings.REQUEST_LEASE_SECONDS - SPARE_SECONDS))
    # The server counts from each statement's start, also while we wait for rows or for a lock.
    limits = f"-c statement_timeout={longest}s -c idle_in_transaction_session_timeout={longest}s"
    dsn = secrets.read(store.how["dsn"])
    try:
        with psycopg.connect(dsn, connect_timeout=CONNECT_SECONDS, options=limits) as connection:
            connection.read_only = read_only
            yield connection
    except QueryCanceled as error:
        raise NoAnswer(_("It took longer than %(seconds)d seconds.") % {"seconds": longest}) from error
    except ReadOnlySqlTransaction as error:
        raise NoAnswer(_("The statement that reads would change something.")) from error
    except psycopg.OperationalError as error:
        raise NoAnswer(_("The database could not be reached, or broke off.")) from error
    except psycopg.Error as error:
        raise NoAnswer(_("The statement failed (%(code)s).") % {"code": error.sqlstate or "?"}) from error


def _bound(statement: str, person: Person) -> tuple[str, dict[str, str]]:
    return for_driver(statement), {name: getattr(person, name) for name in names(statement)}


def _erased(connection: psycopg.Connection[Any], task: StoreTask, store: Store, person: Person) -> Outcome:
    with connection.cursor() as cursor:
        # A worker that was taken for dead may still be at it.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(task.number)])
        cursor.execute(*_bound(store.how["erasure"], person))
        changed = cursor.rowcount
    connection.commit()
    # What an earlier try did, this one no longer finds.
    return Outcome(TaskState.NOTHING if changed == 0 and task.tries == 1 else TaskState.DONE)


def _read(connection: psycopg.Connection[Any], task: StoreTask, store: Store, person: Person) -> Outcome:
    most = store.how["rows"]
    with connection.cursor(name="daylight") as cursor:
        cursor.execute(*_bound(store.how["access"], person))
        rows = cursor.fetchmany(most + 1)
        heads = [column.name for column in cursor.description or ()]
    if len(rows) > most:
        raise NoAnswer(_("It found more than %(most)d rows; the policy sets the limit.") % {"most": most})
    if not rows:
        return Outcome(TaskState.NOTHING)
    return Outcome(TaskState.DONE, files=[_file(task.request.format, heads, rows)])


def _file(form: str, heads: list[str], rows: Sequence[Sequence[Any]]) -> Found:
    if form == Format.CSV:
        return Found("rows.csv", _csv(heads, rows), len(rows))
    lines = (json.dumps(dict(zip(heads, row, strict=True)), ensure_ascii=False, default=_plain) for row in rows)
    return Found("rows.jsonl", "".join(f"{line}\n" for line in lines).encode(), len(rows))


def _csv(heads: list[str], rows: Sequence[Sequence[Any]]) -> bytes:
    """Write texts so that no spreadsheet takes one for a formula; numbers stay numbers."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([safe(head) for head in heads])
    writer.writerows([each if isinstance(each, int | float) else _cell(each) for each in row] for row in rows)
    return written.getvalue().encode()


def _cell(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return safe(value)
    if isinstance(value, dict | list):
        return safe(json.dumps(value, ensure_ascii=False, default=_plain))
    return safe(str(_plain(value)))


def _plain(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
