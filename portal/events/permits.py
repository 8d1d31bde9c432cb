"""What may be collected from a person, source by source: answered by what ingest itself asks."""

from __future__ import annotations

from consent.values import GateState
from portal.events import hot
from portal.events.gatekeeping import Gatekeeper
from portal.people.models import Employee
from portal.register.values import Kind


def keepers(employee: Employee, state: GateState) -> list[Gatekeeper]:
    """Return who asks the gate for each live source, in one query."""
    return [
        Gatekeeper(state, known.source, known, employee, imported=known.source.kind == Kind.IMPORT)
        for known in hot.look_everywhere(employee.pk)
        if known.source is not None
    ]
