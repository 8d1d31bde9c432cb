"""Answers of the first release, which carry no rules of their own: nothing may be loosened under them."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from consent import door
from consent.models import Gate, Purpose
from portal.register.document import FlowPart, Policy, SourcePart
from portal.register.door import stored
from portal.register.models import Flow, Source
from portal.register.values import State


def widened(policy: Policy) -> list[str]:
    """Return what may not be widened in place while such answers stand.

    They cover categories of sources, and their notices had no terms to compare: were a live flow loosened, events would
    be kept at once under a yes to the stricter one. A purpose of its own asks first.
    """
    # What was left out for a while is compared too: a yes keeps what it covered, and would cover it again.
    known = {source.key: source for source in Source.objects.ever_live()}
    looser = [what for part in policy.sources if part.key in known for what in _of_source(part, known[part.key])]
    return looser + list(_other_basis(policy))


def _answered(purpose_key: str) -> bool:
    standing = Gate.objects.filter(grants__has_key=purpose_key)
    return standing.exclude(grants__contains={purpose_key: {"rules": {}}}).exists()


def _other_basis(policy: Policy) -> Iterator[str]:
    """A yes that stands on consent could not be taken back any more, were the purpose put on another basis."""
    before = dict(Purpose.objects.exclude(state=Purpose.State.DRAFT).values_list("key", "basis"))
    for part in policy.purposes:
        if part.key in before and before[part.key] != part.basis and _answered(part.key):
            yield _(
                "purpose %(purpose)s: people answered it on the basis of %(basis)s; give what rests on another a "
                "purpose of its own, so that they are asked first"
            ) % {"purpose": part.key, "basis": before[part.key]}


def _of_source(part: SourcePart, source: Source) -> Iterator[str]:
    asked = {(flow.category, flow.purpose): flow for flow in part.flows}
    wider = list(_wider_door(part, source))
    for flow in source.flows.exclude(state=State.DRAFT).order_by("pk"):
        if not _answered(flow.purpose_key):
            continue
        wanted = asked.get((flow.category, flow.purpose_key))
        for what in [*wider, *_looser(flow, wanted)] if wanted else []:
            yield _(
                "source %(source)s: people said yes to %(purpose)s without %(what)s; give that a purpose of its own, "
                "so that they are asked first"
            ) % {"source": source.key, "purpose": flow.purpose_key, "what": what}


def _wider_door(part: SourcePart, source: Source) -> Iterator[str]:
    if freed := sorted(set(source.blocked_apps) - set(part.blocked_apps)):
        yield f"blocked_apps without {', '.join(freed)}"
    if source.allowed_apps is not None and part.allowed_apps is None:
        yield "no allowed_apps"
    elif source.allowed_apps is not None and (more := sorted(set(part.allowed_apps or ()) - set(source.allowed_apps))):
        yield f"allowed_apps {', '.join(more)}"
    if looser := door.read(stored(part.redaction)).beyond(door.read(source.redaction)):
        yield f"redaction of {', '.join(looser)} that keeps more"


def _looser(flow: Flow, wanted: FlowPart | None) -> list[str]:
    if wanted is None:
        return []
    more = sorted(set(wanted.content_apps) - set(flow.content_apps))
    return [
        *([f"off_hours for {flow.category}"] if wanted.off_hours and not flow.off_hours else []),
        *([f"exact_timing for {flow.category}"] if wanted.exact_timing and not flow.exact_timing else []),
        *([f"content_apps {', '.join(more)}"] if more else []),
    ]
