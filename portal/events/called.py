"""What a person's devices are called on their own pages: as they named them, else by who sent."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from portal.events import devices
from portal.events.enrolment import reading


def called(subject_id: UUID, writers: Collection[str]) -> dict[str, str]:
    return devices.named(writers) | reading.names(subject_id, writers)
