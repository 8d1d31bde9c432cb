"""The lease of the worker that has a request: taken, kept and let go of by the database's clock, a statement each."""

from __future__ import annotations

import json
from functools import cache
from string import Template
from typing import Any
from uuid import UUID

from django.db import connection

from portal.rights import claiming
from portal.rights.models import StepRun, SubjectRequest
from portal.rights.values import Cursor, Fenced, StepState

COLUMNS = tuple(field.column for field in SubjectRequest._meta.concrete_fields)
FREE = claiming.statement("rights_subjectrequest", "id", "state = 'processing' AND joined_to_id IS NULL")
# Whether the site is closed is read with the row each time: it may be at any moment.
CHANGE = Template("""
      WITH mine AS ($change)$more
    SELECT $columns, (SELECT closed_reason FROM consent_ledgerstate WHERE id = 1) FROM mine
""")
MINE = Template("""
           UPDATE rights_subjectrequest SET $changes
            WHERE id = %(request)s AND attempt = %(attempt)s AND state = 'processing'
        RETURNING *""")
# Nothing to stay for is no lease: make_interval of NULL is NULL.
STAYS = """
           lease_until = clock_timestamp() + make_interval(secs => %(seconds)s),
           wake_at = NULL, reason = '', failures = CASE WHEN %(seconds)s::int IS NULL THEN 0 ELSE 1 END"""
STEP = """,
           step AS (
           UPDATE rights_steprun
              SET state = %(state)s, cursor = %(cursor)s::jsonb, done = %(done)s, total = %(total)s
            WHERE id = %(run)s AND request_id = (SELECT id FROM mine))"""
DONE = """
    UPDATE rights_steprun SET state = 'done', done = greatest(total, 1), total = greatest(total, 1)
     WHERE request_id = %s AND name = %s AND state <> 'done'
"""
HELD = """
      WITH held AS (
           SELECT id FROM rights_subjectrequest
            WHERE id = %(request)s AND attempt = %(attempt)s AND state = 'processing'
              FOR UPDATE),
"""


def claim(request_id: UUID | str, seconds: int) -> SubjectRequest | None:
    """Take the lease and return the row with the new fencing token as its `attempt`; None if it is not free."""
    row = _fetched(CLAIM, {"id": str(request_id), "seconds": seconds})
    if row is None:
        return None
    request = SubjectRequest.from_db(connection.alias, COLUMNS, row[:-1])
    _take_in(request, row)
    return request


def record(request: SubjectRequest, run: StepRun, cursor: Cursor | None, seconds: int | None) -> None:
    """Write how far a step is, and keep the lease for so long or let go of it; both objects are then as their rows are.

    The next chunk counts as failed already if the lease is kept. Raises Fenced.
    """
    values = _after(run, cursor)
    whose = {"run": run.pk, "seconds": seconds}
    if not _written(request, RECORD, whose | values | {"cursor": json.dumps(values["cursor"])}):
        raise Fenced
    for name, value in values.items():
        setattr(run, name, value)


def done(request: SubjectRequest, step: str) -> bool:
    """End a step in the caller's fenced transaction, with what it does; return whether it was not done before."""
    with connection.cursor() as cursor:
        cursor.execute(DONE, [request.pk, step])
        return cursor.rowcount > 0


def write(request: SubjectRequest, changes: str, **values: Any) -> bool:
    """Change a row as only the newest token may; return whether it did, the object is then as the row is.

    `changes` is what follows SET, with the names of the values.
    """
    return _written(request, _change(changes), values)


@cache
def _change(changes: str, more: str = "") -> str:
    """Return the statement that makes these changes as only the newest token may, and returns the row."""
    return _returned(MINE.substitute(changes=changes), more)


def _returned(change: str, more: str = "") -> str:
    return CHANGE.substitute(change=change, more=more, columns=", ".join(COLUMNS))


CLAIM, RECORD = _returned(FREE), _change(STAYS, STEP)


def _written(request: SubjectRequest, statement: str, values: dict[str, Any]) -> bool:
    row = _fetched(statement, values | {"request": request.pk, "attempt": request.attempt})
    if row is not None:
        _take_in(request, row)
    return row is not None


def _fetched(statement: str, values: dict[str, Any]) -> tuple[Any, ...] | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchone()


def _take_in(request: SubjectRequest, row: tuple[Any, ...]) -> None:
    """Set what a row says, and whether anything may be worked at; a model made anew at each step cost more than it."""
    fields = vars(request)
    fields.update(zip(COLUMNS, row, strict=False))
    fields["scope"] = json.loads(fields["scope"])
    request.closed_reason = row[-1] or ""


def _after(run: StepRun, cursor: Cursor | None) -> dict[str, Any]:
    if cursor is None:
        total = max(run.total, 1)
        return {"state": StepState.DONE, "cursor": run.cursor, "done": total, "total": total}
    done, total = cursor.get("done", run.done), cursor.get("total", run.total)
    return {"state": StepState.RUNNING, "cursor": cursor, "done": done, "total": total}


def in_one(request: SubjectRequest, statement: str, values: dict[str, Any]) -> tuple[Any, ...]:
    """Run one statement that only the newest token may run, and return its row, without the first column.

    `statement` goes on after a row `held` with the request's `id`, and its first column counts what is held.
    Raises Fenced.
    """
    row = _fetched(HELD + statement, values | {"request": request.pk, "attempt": request.attempt})
    if not row or not row[0]:
        raise Fenced
    return tuple(row[1:])
