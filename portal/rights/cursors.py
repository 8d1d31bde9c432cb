"""Pages of a list that grows meanwhile: a cursor names the last row shown, so that none is skipped or repeated."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from portal.http import Problem

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLACE = re.compile(r"(\d{1,17})\.([0-9a-f]{32})")


def page(
    found: QuerySet[Any], cursor: str, limit: int, shown: Callable[[Any], dict[str, Any]], *, by: str
) -> dict[str, Any]:
    """Return the rows after the cursor, the newest first; `by` names the time that orders them and never changes."""
    ordered = found.order_by(f"-{by}", "pk")
    if cursor:
        at, pk = _place(cursor)
        ordered = ordered.filter(Q(**{f"{by}__lt": at}) | Q(**{by: at, "pk__gt": pk}))
    rows = list(ordered[: limit + 1])
    following = _cursor(rows[limit - 1], by) if len(rows) > limit else None
    return {"items": [shown(row) for row in rows[:limit]], "next": following}


def _cursor(row: Any, by: str) -> str:
    micros = (getattr(row, by) - EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(f"{micros}.{row.pk.hex}".encode()).decode().rstrip("=")


def _place(cursor: str) -> tuple[datetime, UUID]:
    """Return the place a cursor stands for; raises Problem 422 for one that we did not make."""
    try:
        text = base64.urlsafe_b64decode((cursor + "=" * (-len(cursor) % 4)).encode("ascii")).decode("ascii")
        found = PLACE.fullmatch(text)
        if found:
            return EPOCH + timedelta(microseconds=int(found[1])), UUID(found[2])
    except (UnicodeError, ValueError, binascii.Error, OverflowError):
        pass
    raise Problem(422, "cursor.invalid", "Use the cursor of the page before.", [("/cursor", "unknown")])
