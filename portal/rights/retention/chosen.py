"""What people chose, as the rule of how long things are kept asks for it (events/keeping.py)."""

from __future__ import annotations

from uuid import UUID

from portal.events.keeping import Shorter
from portal.rights.retention.models import Shortening


def shorter(subject_id: UUID) -> list[Shorter]:
    rows = Shortening.objects.for_subject(subject_id)
    return [Shorter(each.category, each.days, each.until) for each in rows]
