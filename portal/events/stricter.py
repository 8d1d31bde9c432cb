"""What is left of the rules now in force, where a person has answered stricter ones or may not be collected from."""

from __future__ import annotations

from collections.abc import Collection

from consent.values import Basis, GateState, Grant, Scope
from portal.events.hot import Known, Rule

# Why nothing at all of a source is permitted, whatever was answered.
NOT_AGREED = "not_agreed"
NOT_ACKNOWLEDGED = "not_acknowledged"


def barred(state: GateState, known: Known) -> str:
    """Return why nothing at all may be collected from this person by this source, empty if nothing stands against it.

    Told they are only by what they acknowledged: no consent, to whatever it was given, says so.
    """
    if not known.agreed:
        return NOT_AGREED
    grants = (state.grants.get(purpose) for purpose in known.first)
    told = all(grant is not None and grant.basis != Basis.CONSENT for grant in grants)
    return "" if told else NOT_ACKNOWLEDGED


def narrowed(flow: Rule, grant: Grant | None, source: str, countries: Collection[str], page: str = "") -> Rule | None:
    """Return the stricter of the rule now in force and the one the person answered; None where they saw none.

    Of a source that was not active in their country, or in the device's, or in the pages of the origin that sends, they
    saw none either.
    """
    if grant is None or grant.rules is None:
        return flow
    rules = grant.rules.get(source)
    reached = rules is not None and all(map(rules.reaches, countries)) and rules.runs_in(page)
    answered = rules.flows.get(flow.category) if rules and reached else None
    if answered is None:
        return None
    apps = flow.content_apps & answered.content_apps
    off_hours, exact = flow.off_hours and answered.off_hours, flow.exact_timing and answered.exact_timing
    return Rule(flow.category, flow.purpose_key, off_hours, exact, apps)


def edges(state: GateState) -> list[int]:
    """Return the instants at which any answer of this gate may change."""
    found: set[int | None] = {grant.since_ms for grant in state.grants.values()}
    found |= {grant.until_ms for grant in state.grants.values()}
    for pause in state.pauses:
        found |= {pause.from_ms, pause.to_ms}
    for restriction in state.restrictions:
        found |= {restriction.from_ms, restriction.to_ms, *_times(restriction.scope)}
    for fence in state.fences:
        found |= {fence.asked_ms, *_times(fence.scope)}
    return sorted(edge for edge in found if edge is not None)


def _times(scope: Scope) -> tuple[int | None, int | None]:
    return scope.from_ms, scope.to_ms
