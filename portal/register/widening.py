"""What a policy would take from people beyond what they said yes to: a flow's terms are part of the yes."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _

from consent.models import Gate
from portal.register.document import FlowPart, Policy, SourcePart
from portal.register.models import Flow, Source


def widened(policy: Policy) -> list[str]:
    """Return what may not be widened in place.

    A grant covers categories of sources; were the terms of a live flow loosened, events would be kept at once under
    a yes to the narrower ones. A purpose of its own asks first. Nothing is widened while nobody has said yes.
    """
    live = {source.key: source for source in Source.objects.live()}
    return [what for part in policy.sources if part.key in live for what in _of_source(part, live[part.key])]


def _of_source(part: SourcePart, source: Source) -> Iterator[str]:
    asked = {(flow.category, flow.purpose): flow for flow in part.flows}
    freed = sorted(set(source.blocked_apps) - set(part.blocked_apps))
    for flow in Flow.objects.live_for(source.key).order_by("pk"):
        if not Gate.objects.filter(grants__has_key=flow.purpose_key).exists():
            continue
        wanted = asked.get((flow.category, flow.purpose_key))
        looser = ([f"blocked_apps without {', '.join(freed)}"] if freed else []) + _looser(flow, wanted)
        for what in looser if wanted else []:
            yield _(
                "source %(source)s: people said yes to %(purpose)s without %(what)s; give that a purpose of its own, "
                "so that they are asked first"
            ) % {"source": source.key, "purpose": flow.purpose_key, "what": what}


def _looser(flow: Flow, wanted: FlowPart | None) -> list[str]:
    if wanted is None:
        return []
    more = sorted(set(wanted.content_apps) - set(flow.content_apps))
    return [
        *([f"off_hours for {flow.category}"] if wanted.off_hours and not flow.off_hours else []),
        *([f"exact_timing for {flow.category}"] if wanted.exact_timing and not flow.exact_timing else []),
        *([f"content_apps {', '.join(more)}"] if more else []),
    ]
