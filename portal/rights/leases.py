"""The lease of the worker that has a request: taken, kept and let go of by the database's clock, a statement each."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.db import connection

from portal.rights import claiming
from portal.rights.models import StepRun, SubjectRequest
from portal.rights.values import Cursor, Fenced, StepState

CLAIM = claiming.statement("rights_subjectrequest", "id", "state = 'processing' AND joined_to_id IS NULL")
# Nothing to stay for is no lease: make_interval of NULL is NULL.
RECORD = """
      WITH mine AS (
           UPDATE rights_subjectrequest
              SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s),
                  wake_at = NULL, reason = '', failures = CASE WHEN %(seconds)s::int IS NULL THEN 0 ELSE 1 END
            WHERE id = %(request)s AND attempt = %(attempt)s AND state = 'processing'
        RETURNING *),
           step AS (
           UPDATE rights_steprun
              SET state = %(state)s, cursor = %(cursor)s::jsonb, done = %(done)s, total = %(total)s
            WHERE id = %(run)s AND request_id = (SELECT id FROM mine))
    SELECT * FROM mine
"""
HELD = """
      WITH held AS (
           SELECT id FROM rights_subjectrequest
            WHERE id = %(request)s AND attempt = %(attempt)s AND state = 'processing'
              FOR UPDATE),
"""


def claim(request_id: UUID | str, seconds: int) -> SubjectRequest | None:
    """Take the lease and return the row with the new fencing token as its `attempt`; None if it is not free."""
    return next(iter(SubjectRequest.objects.raw(CLAIM, {"id": str(request_id), "seconds": seconds})), None)


def record(request: SubjectRequest, run: StepRun, cursor: Cursor | None, seconds: int | None) -> None:
    """Write how far a step is, and keep the lease for so long or let go of it; both objects are then as their rows are.

    The next chunk counts as failed already if the lease is kept. Raises Fenced.
    """
    values = _after(run, cursor)
    whose = {"request": request.pk, "attempt": request.attempt, "run": run.pk, "seconds": seconds}
    found = SubjectRequest.objects.raw(RECORD, whose | values | {"cursor": json.dumps(values["cursor"])})
    now = next(iter(found), None)
    if now is None:
        raise Fenced
    for name, value in values.items():
        setattr(run, name, value)
    for field in SubjectRequest._meta.concrete_fields:
        setattr(request, field.attname, getattr(now, field.attname))


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
    with connection.cursor() as cursor:
        cursor.execute(HELD + statement, values | {"request": request.pk, "attempt": request.attempt})
        row = cursor.fetchone()
    if not row or not row[0]:
        raise Fenced
    return tuple(row[1:])
