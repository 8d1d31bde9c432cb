"""How a worker takes the lease of a row, whatever is worked at: in one statement, by the database's clock."""

from __future__ import annotations

from string import Template

CLAIM = Template("""
    UPDATE $table
       SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s),
           attempt = attempt + 1, failures = failures + 1
     WHERE $key = (
           SELECT $key FROM $table
            WHERE $key = %(id)s AND ($due)
              AND (lease_until IS NULL OR lease_until < clock_timestamp())
              AND (wake_at IS NULL OR wake_at <= clock_timestamp())
              FOR UPDATE SKIP LOCKED)
 RETURNING *
""")


def statement(table: str, key: str, due: str) -> str:
    """Return what takes the lease of row `id` for `seconds` if it is free and `due`, and returns the row.

    Its `attempt` is the new fencing token. An attempt counts as failed until its chunk is recorded, so that a
    worker that is killed counts too. The table has `lease_until`, `wake_at`, `attempt` and `failures`.
    """
    return CLAIM.substitute(table=table, key=key, due=due)
