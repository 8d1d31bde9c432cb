"""The one door to the trail: write an act down, or an access with its leaf in the ledger."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC
from uuid import UUID

from django.db import connections, router, transaction
from django.utils import timezone

from consent import leaf, ledger
from portal.audit import ports
from portal.audit.models import Act
from portal.audit.values import ACCESSES, Action, Actor, ActorKind, Facts
from portal.planned import planned

WRITTEN = (
    *("at", "action", "actor_kind", "actor_id", "actor_role", "actor_label"),
    *("subject_id", "purpose", "case", "facts", "once"),
)
TYPES = ("timestamptz", *["text"] * 5, "uuid", "text", "text", "jsonb", "text")
FIRST = """
INSERT INTO audit_act
  (at, action, actor_kind, actor_id, actor_role, actor_label, subject_id, purpose, "case", facts, once)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING RETURNING id
"""
# An act of each person about themselves: all but the person is the same.
OWN = """
INSERT INTO audit_act (at, action, actor_kind, actor_id, actor_role, actor_label, subject_id, purpose, "case", facts)
SELECT %s, %s, %s, person::text, %s, '', person, '', '', %s FROM unnest(%s::uuid[]) AS person
"""


def record(
    action: Action,
    *,
    actor: Actor,
    subject_id: UUID | None = None,
    purpose: str = "",
    case: str = "",
    facts: Facts | None = None,
    once: str = "",
) -> Act | None:
    """Add an act in the caller's transaction; of several with the same `once`, the first is kept, None for the rest.

    `facts` outlive an erasure of data: no event values, no app names, no words a person wrote.
    """
    if action in ACCESSES:
        message = f"{action} is an access: use access()"
        raise ValueError(message)
    act = _act(action, actor, subject_id, purpose, case, facts)
    act.once = once or None
    written = _first(act)
    return _heard(written) if written else None


def _first(act: Act) -> Act | None:
    """Write an act unless one with the same `once` is there; return it as it was written, None if it was not."""
    known = [getattr(act, name) for name in WRITTEN]
    values = [json.dumps(act.facts) if name == "facts" else value for name, value in zip(WRITTEN, known, strict=True)]
    found = planned("daylight_act", TYPES, FIRST, values)
    # It was no access: those have a leaf, which stands before `once`.
    return Act.from_db("default", ["id", *WRITTEN], [*found[0], *known[:-1], None, known[-1]]) if found else None


def record_own(action: Action, *, subject_ids: Collection[UUID], facts: Facts) -> None:
    """Add an act of each of these people about themselves, in the caller's transaction and one statement."""
    one = _act(action, Actor(ActorKind.PERSON, "", "employee"), None, "", "", facts)
    people = "{" + ",".join(map(str, subject_ids)) + "}"
    with connections[router.db_for_write(Act)].cursor() as cursor:
        cursor.execute(OWN, [one.at, one.action, one.actor_kind, one.actor_role, json.dumps(one.facts), people])


def access(
    action: Action, *, actor: Actor, subject_id: UUID, purpose: str, case: str = "", facts: Facts | None = None
) -> Act:
    """Commit an access as act and leaf, so that the first byte can be sent when this returns.

    Whatever it raises, nothing may be sent: the view answers 503. It refuses to run inside another transaction,
    which could still be rolled back after the data has left.
    """
    if action not in ACCESSES or not purpose:
        message = f"{action} for {purpose!r} is no access"
        raise ValueError(message)
    with transaction.atomic(durable=True):
        act = _act(action, actor, subject_id, purpose, case, facts)
        act.leaf_idx = ledger.append("access", subject_id, _leaf_record(act))
        act.save()
        return _heard(act)


def refused(*, actor: Actor, subject_id: UUID, path: str) -> Act | None:
    """Write down that somebody was kept from this person's data; the person sees it."""
    return record(Action.ACCESS_REFUSED, actor=actor, subject_id=subject_id, facts={"path": path[:200]})


def hourly(*parts: object) -> str:
    """Return a `once` for one act per view and hour."""
    return ":".join([*map(str, parts), timezone.now().astimezone(UTC).strftime("%Y-%m-%dT%H")])


def _heard(act: Act) -> Act:
    ports.installed.ear(act)
    return act


def _act(action: Action, actor: Actor, subject_id: UUID | None, purpose: str, case: str, facts: Facts | None) -> Act:
    own = actor.kind is ActorKind.PERSON and subject_id is not None and actor.id == str(subject_id)
    return Act(
        action=Action(action),
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_role=actor.role,
        # Nobody's name is copied next to what was done to their own data.
        actor_label="" if own else actor.label,
        subject_id=subject_id,
        purpose=purpose,
        case=case,
        facts=facts or {},
    )


def _leaf_record(act: Act) -> dict[str, str | int]:
    return {
        "action": act.action,
        "actor_id": act.actor_id,
        "actor_role": act.actor_role,
        "at": leaf.stamp(act.at),
        "case": act.case,
        "purpose": act.purpose,
        "subject_id": str(act.subject_id),
    }
