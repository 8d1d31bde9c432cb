"""The live register as a policy file: applied again it is nothing new."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml
from django.db.models import Model

from consent.models import Purpose
from portal.register.document import Policy, from_document
from portal.register.models import (
    Assessment,
    Controller,
    Flow,
    Processor,
    PurposeRecord,
    Recipient,
    Retention,
    Source,
    Store,
    WorksAgreement,
)
from portal.register.standing import ALL
from portal.register.values import State

HEAD = "# yaml-language-server: $schema={schema}\n# What is live, as `manage.py policy export` found it.\n"
SCHEMA = "policy.schema.json"


def live() -> Policy:
    """Return what is live; drafts, and what has ended, are no part of it."""
    return from_document(document())


def document() -> dict[str, Any]:
    return {"version": 1, **_common(), "purposes": _purposes(), "sources": _sources(), "stores": _stores()}


def ended() -> dict[str, list[str]]:
    """Return what was live once and can come back only by a policy that says so."""
    purposes = Purpose.objects.filter(state=State.RETIRED).order_by("pk")
    sources = Source.objects.filter(state=State.RETIRED).order_by("pk")
    return {
        "purposes": list(purposes.values_list("pk", flat=True)),
        "sources": list(sources.values_list("pk", flat=True)),
    }


class _Dumper(yaml.SafeDumper):
    """Lists are indented and a text of many words is folded, as somebody would write it by hand."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)


def to_yaml(policy: Policy) -> str:
    """Write a policy file; what says nothing beyond its default is left out."""
    document = policy.model_dump(mode="json", exclude_defaults=True)
    body = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return HEAD.format(schema=SCHEMA) + body


def _row(row: Model, *fields: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in fields}


def _common() -> dict[str, Any]:
    controller = Controller.objects.first()
    receives = ("key", "name", "receives", "contact", "country", "safeguard")
    serves = ("key", "name", "service", "contact", "country", "safeguard", "contract_dated")
    return {
        "controller": _controller(controller) if controller else None,
        "recipients": [_row(each, *receives) for each in Recipient.objects.order_by("key")],
        "processors": [_row(each, *serves) for each in Processor.objects.order_by("key")],
    }


def _controller(row: Controller) -> dict[str, Any]:
    said = ("name", "address", "contact", "representative", "dpo_name", "dpo_contact", "authority", "security")
    required = row.agreement_countries if row.agreement_required and row.agreement_countries else row.agreement_required
    return _row(row, *said, "council_approves") | {"agreement_required": required}


def _purposes() -> list[dict[str, Any]]:
    records = {each.purpose_key: each for each in PurposeRecord.objects.all()}
    live = Purpose.objects.live().filter(pk__in=records).order_by("pk")
    return [_purpose(each, records[each.pk]) for each in live]


def _purpose(purpose: Purpose, record: PurposeRecord) -> dict[str, Any]:
    stored = ("refusal_has_consequence", "legitimate_interest", "law", "obligatory", "automated_decisions", "people")
    periods = Retention.objects.filter(purpose_key=purpose.key).order_by("category")
    return {
        **_row(purpose, "key", "title", "description", "basis", "refusal_consequence", "alternative"),
        **_row(record, *stored, "notices", "jurisdictions", "must_acknowledge"),
        "recipients": "none" if record.recipients == [] else record.recipients,
        "retention": [_row(each, "category", "days", "why") for each in periods],
        "expires": record.expires or None,
    }


def _sources() -> list[dict[str, Any]]:
    return [_source(each) for each in Source.objects.live().order_by("pk")]


def _source(source: Source) -> dict[str, Any]:
    said = (
        "key",
        "title",
        "kind",
        "description",
        "owner",
        "blocked_apps",
        "allowed_apps",
        "origins",
        "earlier_recordings",
    )
    assessment = Assessment.objects.filter(source=source).first()
    examined = ("title", "dated", "by", "summary", "workers_views", "workers_asked")
    flows = Flow.objects.live_for(source.key).order_by("purpose_key", "category")
    return {
        **_row(source, *said),
        "redaction": {name: rules for name, rules in source.redaction.items() if name != "version"} or None,
        "assessment": _row(assessment, *examined) if assessment else None,
        **_agreements(WorksAgreement.objects.filter(source=source).order_by("country")),
        "flows": [_flow(each) for each in flows],
    }


def _stores() -> list[dict[str, Any]]:
    said = ("key", "title", "holds", "owner", "asked_for", "purposes")
    return [_row(each, *said) | {each.kind: each.how} for each in Store.objects.order_by("key")]


def _agreements(rows: Iterable[WorksAgreement]) -> dict[str, Any]:
    said = ("reference", "clause", "parties", "dated")
    found = {each.country: _row(each, *said) for each in rows}
    everywhere = found.pop(ALL, None)
    each_country = [{"country": country, **facts} for country, facts in found.items()]
    return {"works_agreement": everywhere, "works_agreements": each_country or None}


def _flow(flow: Flow) -> dict[str, Any]:
    said = _row(flow, "category", "why", "off_hours", "exact_timing", "content_apps")
    return said | {"purpose": flow.purpose_key}
