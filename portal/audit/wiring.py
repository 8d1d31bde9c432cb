"""What consent is handed from here: the trail, and a place outside for each signed checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from portal.audit import trail
from portal.audit.values import SYSTEM, Action, Actor, ActorKind

log = logging.getLogger(__name__)


class ConsentTrail:
    """consent.ports.Trail: who decides is the person concerned; else it is the system."""

    def record(self, action: str, subject_id: UUID | None, actor: str, facts: Mapping[str, Any]) -> None:
        own = subject_id is not None and actor == str(subject_id)
        by = Actor(ActorKind.PERSON, actor, "employee") if own else SYSTEM
        trail.record(Action(action), actor=by, subject_id=subject_id, facts=dict(facts))

    def record_own(self, action: str, subject_ids: Collection[UUID], facts: Mapping[str, Any]) -> None:
        trail.record_own(Action(action), subject_ids=subject_ids, facts=dict(facts))


class LoggedCheckpoints:
    """consent.ports.Publisher: log lines leave the machine, so each head has a copy the database cannot reach."""

    def publish(self, note: str) -> None:
        origin, size, root = note.split("\n", 3)[:3]
        log.info("checkpoint %s %s %s", origin, size, root)
