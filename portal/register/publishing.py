"""Writes a policy into the register's rows, and what follows from them into purposes and notices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Manager
from django.utils import timezone

from consent import actions as decisions
from consent.models import NoticeVersion, Purpose
from consent.values import Basis
from portal.audit import trail
from portal.audit.values import Action, Actor
from portal.register import notice_text, standing
from portal.register.document import ControllerPart, Part, Policy, PurposePart, SourcePart
from portal.register.models import (
    Assessment,
    Controller,
    Flow,
    Processor,
    PurposeRecord,
    Recipient,
    Retention,
    Source,
    WorksAgreement,
)
from portal.register.values import State


def write_down(policy: Policy) -> None:
    """Show as drafts what is not live yet, and leave alone what is."""
    _write_common(policy, only_new=True)
    live = set(Purpose.objects.exclude(state=State.DRAFT).values_list("key", flat=True))
    for part in policy.purposes:
        if part.key not in live:
            _write_purpose(part, State.DRAFT)
    live = set(Source.objects.exclude(state=State.DRAFT).values_list("key", flat=True))
    for source in policy.sources:
        if source.key not in live:
            _write_source(source, State.DRAFT)


def bring_live(policy: Policy, *, by: Actor) -> None:
    """Make the register say what the policy says."""
    _write_common(policy, only_new=False)
    for part in policy.purposes:
        before = Purpose.objects.filter(pk=part.key, state=State.LIVE).exists()
        _write_purpose(part, State.RETIRED if part.retired else State.LIVE)
        if not (before or part.retired):
            trail.record(Action.PURPOSE_LIVE, actor=by, facts={"purpose": part.key})
    for source in policy.sources:
        before = Source.objects.live().filter(pk=source.key).exists()
        _write_source(source, State.RETIRED if source.retired else State.LIVE)
        if not (before or source.retired):
            trail.record(Action.SOURCE_LIVE, actor=by, facts={"source": source.key})


def _write_common(policy: Policy, *, only_new: bool) -> None:
    parts: list[tuple[Manager[Any], Iterable[Part]]] = [
        (Recipient.objects, policy.recipients),
        (Processor.objects, policy.processors),
    ]
    for table, rows in parts:
        for row in rows:
            facts = row.model_dump()
            _put(table, {"key": facts.pop("key")}, facts, only_new=only_new)
    if policy.controller:
        _put(Controller.objects, {"id": 1}, _controller(policy.controller), only_new=only_new)


def _controller(part: ControllerPart) -> dict[str, Any]:
    required = part.agreement_required
    countries = sorted(set(required)) if isinstance(required, list) else []
    return part.model_dump() | {"agreement_required": bool(required), "agreement_countries": countries}


def _put(table: Manager[Any], key: dict[str, Any], facts: dict[str, Any], *, only_new: bool = False) -> None:
    if only_new:
        table.get_or_create(**key, defaults=facts)
    else:
        table.update_or_create(**key, defaults=facts)


def _write_purpose(part: PurposePart, state: State) -> None:
    # What consent would not have live stays a draft, and the demands say what it lacks.
    lacking = part.basis == Basis.CONSENT and not (part.refusal_consequence and part.alternative)
    decisions.define_purpose(
        key=part.key,
        title=part.title,
        description=part.description,
        basis=part.basis,
        refusal_consequence=part.refusal_consequence,
        refusal_has_consequence=bool(part.refusal_has_consequence),
        alternative=part.alternative,
        categories=_collected(part.key),
        state=State.DRAFT if lacking and state == State.LIVE else state,
    )
    record = part.model_dump(
        include={
            "refusal_has_consequence",
            "legitimate_interest",
            "law",
            "obligatory",
            "automated_decisions",
            "people",
            "jurisdictions",
            "must_acknowledge",
        }
    )
    record["recipients"] = [] if part.recipients == "none" else part.recipients
    record["expires"] = part.expires.model_dump() if part.expires else {}
    record["notices"] = {language: each.model_dump() for language, each in part.notices.items()}
    _put(PurposeRecord.objects, {"purpose_key": part.key}, record)
    Retention.objects.filter(purpose_key=part.key).delete()
    Retention.objects.bulk_create(Retention(purpose_key=part.key, **each.model_dump()) for each in part.retention)


def _collected(purpose_key: str) -> list[str]:
    return list(Flow.objects.live().filter(purpose_key=purpose_key).values_list("category", flat=True).distinct())


def _write_source(part: SourcePart, state: State) -> None:
    facts = part.model_dump(include={"title", "kind", "description", "owner", "blocked_apps", "earlier_recordings"})
    source = Source.objects.update_or_create(key=part.key, defaults={**facts, "state": state})[0]
    if state == State.LIVE and source.live_since is None:
        Source.objects.filter(pk=part.key).update(live_since=timezone.now())
    if part.assessment:
        _put(Assessment.objects, {"source_id": part.key}, part.assessment.model_dump())
    _write_agreements(part)
    _write_flows(part, state)


def _write_agreements(part: SourcePart) -> None:
    """What the policy names is all that is agreed; a source of which it says nothing keeps what it has."""
    if part.works_agreement is None and part.works_agreements is None:
        return
    named = {each.country: each.model_dump(exclude={"country"}) for each in part.works_agreements or []}
    if part.works_agreement:
        named[standing.ALL] = part.works_agreement.model_dump()
    for country, facts in named.items():
        _put(WorksAgreement.objects, {"source_id": part.key, "country": country}, facts)
    WorksAgreement.objects.filter(source=part.key).exclude(country__in=named).delete()


def _write_flows(part: SourcePart, state: State) -> None:
    """A flow that the policy leaves out is collected no longer, at once: narrowing needs no notice."""
    kept = []
    for flow in part.flows:
        facts = flow.model_dump()
        key = {"source_id": part.key, "category": facts.pop("category"), "purpose_key": facts.pop("purpose")}
        kept.append(Flow.objects.update_or_create(**key, defaults={**facts, "state": state})[0].pk)
    Flow.objects.filter(source=part.key).exclude(pk__in=kept).update(state=State.RETIRED)


def publish(*, by: Actor) -> None:
    """Tell consent what each live purpose now covers, and publish the notices whose text or cover is new."""
    for record in PurposeRecord.objects.order_by("purpose_key"):
        purpose = Purpose.objects.live().filter(pk=record.purpose_key).first()
        if purpose is None:
            continue
        Purpose.objects.filter(pk=purpose.pk).update(categories=_collected(purpose.pk))
        covers = covers_of(purpose.pk)
        for language, text in notice_text.build_all(purpose.pk, record.notices).items():
            _publish_one(purpose.pk, language, text, covers, by)


def _publish_one(purpose_key: str, language: str, text: str, covers: dict[str, list[str]], by: Actor) -> None:
    said = {"purpose": purpose_key, "language": language}
    published = NoticeVersion.objects.filter(notice__purpose=purpose_key, notice__language=language)
    before = published.count()
    version = decisions.publish_notice(purpose_key=purpose_key, language=language, text=text, covers=covers)
    if published.count() > before:
        trail.record(Action.NOTICE_PUBLISHED, actor=by, facts={**said, "version": version.version})


def covers_of(purpose_key: str) -> dict[str, list[str]]:
    """What the live flows collect for a purpose, by source."""
    covers: dict[str, list[str]] = {}
    for source, category in (
        Flow.objects.live()
        .filter(purpose_key=purpose_key)
        .order_by("source", "category")
        .values_list("source", "category")
    ):
        covers.setdefault(source, []).append(category)
    return covers
