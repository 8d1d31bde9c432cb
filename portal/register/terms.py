"""The terms of a notice, written from the register: all that an answer to it agrees to, as machines read it."""

from __future__ import annotations

from typing import Any

from consent.terms import Terms
from portal.register import entry
from portal.register.entry import Entry
from portal.register.models import Controller, Flow, Processor, Recipient, Source
from portal.register.values import Kind


def build(purpose_key: str) -> Terms:
    """Return the terms as the register has them now; the same register gives the same terms."""
    return build_from(entry.read(purpose_key))


def build_from(of: Entry) -> Terms:
    purpose, record = of.purpose, of.record
    return {
        "purpose": {"key": purpose.key, "title": purpose.title, "description": purpose.description},
        "basis": str(purpose.basis),
        "interest": record.legitimate_interest,
        "law": record.law,
        "refusal_consequence": purpose.refusal_consequence,
        "alternative": purpose.alternative,
        "obligatory": record.obligatory,
        "automated_decisions": record.automated_decisions,
        "must_acknowledge": record.must_acknowledge,
        "people": record.people,
        "jurisdictions": sorted(record.jurisdictions),
        "expires": record.expires,
        "sources": {source.key: _source(of, source) for source in of.sources},
        "recipients": [_named(each) | {"receives": each.receives} for each in of.recipients],
        "processors": [_named(each) | {"service": each.service} for each in of.processors],
        "retention": {each.category: each.days for each in of.periods},
        "controller": _controller(of.controller),
        "agreements": _agreements(of),
        "assessments": _assessments(of),
    }


def _source(of: Entry, source: Source) -> dict[str, Any]:
    return {
        "title": source.title,
        "kind": str(source.kind),
        "blocked_apps": sorted(source.blocked_apps),
        **({} if source.allowed_apps is None else {"allowed_apps": sorted(source.allowed_apps)}),
        **({"redaction": source.redaction} if source.redaction else {}),
        **({"origins": sorted(source.origins)} if source.kind == Kind.BROWSER else {}),
        "earlier_recordings": source.earlier_recordings,
        "categories": {flow.category: _flow(flow) for flow in of.flows_of(source)},
        **of.places_of(source),
    }


def _flow(flow: Flow) -> dict[str, Any]:
    return {
        "off_hours": flow.off_hours,
        "exact_timing": flow.exact_timing,
        "content_apps": sorted(flow.content_apps),
        "why": flow.why,
    }


def _named(each: Recipient | Processor) -> dict[str, str]:
    return {"key": each.key, "name": each.name, "country": each.country, "safeguard": each.safeguard}


def _controller(controller: Controller | None) -> dict[str, str]:
    if controller is None:
        return {}
    said = ("name", "address", "contact", "representative", "dpo_name", "dpo_contact", "authority")
    return {name: getattr(controller, name) for name in said}


def _agreements(of: Entry) -> list[dict[str, str]]:
    return [
        {
            "source": each.source_id,
            "country": each.country,
            "reference": each.reference,
            "clause": each.clause,
            "dated": each.dated.isoformat(),
        }
        for each in of.agreements
    ]


def _assessments(of: Entry) -> list[dict[str, str]]:
    return [
        {"source": each.source_id, "title": each.title, "dated": each.dated.isoformat(), "by": each.by}
        for each in of.assessments
    ]
