"""Fences of what was kept for as long as it may be: what is over is not taken in again.

No line of the journal tells of them: they follow from the notices, the answers and the day, so that after a restore the
next run puts them up again, and one line a person and night would make the journal grow without end.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.utils import timezone

from consent import gate
from consent.models import Gate
from consent.values import AGED, Scope, milliseconds


def fence_off(*, subject_id: UUID, scopes: Sequence[Scope], key_epoch: int) -> None:
    """Keep these scopes out in place of those that were before, and switch to new keys, in the caller's transaction."""
    row = gate.lock([subject_id])[0]
    now = milliseconds(timezone.now())
    made = [
        {"key": f"{AGED}{number}", "scope": scope.to_json(), "asked_ms": now, "lasting": True}
        for number, scope in enumerate(scopes)
    ]
    row.fences = [*others(row), *made]
    row.key_epoch = max(row.key_epoch, key_epoch)
    row.version += 1
    row.save(update_fields=["fences", "key_epoch", "version"])


def others(row: Gate) -> list[dict[str, object]]:
    """Return the fences that somebody asked for."""
    return [each for each in row.fences if not each["key"].startswith(AGED)]
