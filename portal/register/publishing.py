"""Writes a policy into the register's rows, and what follows from them into purposes and notices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.models import Manager, QuerySet
from django.utils import timezone

from consent import actions as decisions
from consent.models import NoticeVersion, Purpose
from consent.terms import Terms
from consent.values import Basis
from portal.audit import trail
from portal.audit.values import Action, Actor
from portal.register import door, entry, notice_text, standing, terms
from portal.register.document import ControllerPart, Policy, ProcessorPart, PurposePart, RecipientPart, SourcePart
from portal.register.models import (
    Assessment,
    Controller,
    DoorRules,
    Flow,
    Processor,
    PurposeRecord,
    Recipient,
    Retention,
    Source,
    Store,
    WorksAgreement,
)
from portal.register.stores import StorePart
from portal.register.values import State

RECORDED = {
    "refusal_has_consequence",
    "legitimate_interest",
    "law",
    "obligatory",
    "automated_decisions",
    "people",
    "jurisdictions",
    "must_acknowledge",
}
OF_A_SOURCE = {
    "title",
    "kind",
    "description",
    "owner",
    "blocked_apps",
    "allowed_apps",
    "origins",
    "earlier_recordings",
}


def write_down(policy: Policy) -> None:
    """Show as drafts what is not live yet, and leave alone what is; what has no state of its own waits."""
    live = set(Purpose.objects.exclude(state=State.DRAFT).values_list("key", flat=True))
    for part in policy.purposes:
        if part.key not in live:
            _write_purpose(part, State.DRAFT)
    live = set(Source.objects.exclude(state=State.DRAFT).values_list("key", flat=True))
    for source in policy.sources:
        if source.key not in live:
            _write_source(source, State.DRAFT)


def bring_live(policy: Policy, *, by: Actor | None) -> None:
    """Make the register say what the policy says; with nobody who does it, only to look at what would be."""
    _write_common(policy)
    for part in policy.purposes:
        if part.retired:
            _retire(part, by)
        else:
            _bring_live(part, by)
    for source in policy.sources:
        _bring_source(source, by)
    # What nobody named ends with its purpose; a flow that the policy itself names would contradict it.
    ended = [part.key for part in policy.purposes if part.retired]
    named = [source.key for source in policy.sources]
    Flow.objects.filter(purpose_key__in=ended).exclude(source__in=named).update(state=State.RETIRED)


def _bring_live(part: PurposePart, by: Actor | None) -> None:
    before = Purpose.objects.live().filter(pk=part.key).exists()
    _write_purpose(part, State.LIVE)
    if by and not before:
        trail.record(Action.PURPOSE_LIVE, actor=by, facts={"purpose": part.key})


def _retire(part: PurposePart, by: Actor | None) -> None:
    """End a purpose; what was said of it stays as it was when people answered."""
    before = Purpose.objects.filter(pk=part.key).first()
    if before is None:
        _write_purpose(part, State.DRAFT)
    if by is None:
        # Looking must not wait for every person's gate row.
        Purpose.objects.filter(pk=part.key).update(state=State.RETIRED)
        return
    decisions.retire_purpose(key=part.key)
    if before and before.state == State.LIVE:
        trail.record(Action.PURPOSE_RETIRED, actor=by, facts={"purpose": part.key})


def _bring_source(part: SourcePart, by: Actor | None) -> None:
    before = Source.objects.live().filter(pk=part.key).exists()
    _write_source(part, State.RETIRED if part.retired else State.LIVE)
    if by and before == part.retired:
        action = Action.SOURCE_RETIRED if part.retired else Action.SOURCE_LIVE
        trail.record(action, actor=by, facts={"source": part.key})


def _write_common(policy: Policy) -> None:
    parts: list[tuple[Manager[Any], Iterable[RecipientPart | ProcessorPart]]] = [
        (Recipient.objects, policy.recipients),
        (Processor.objects, policy.processors),
    ]
    for table, rows in parts:
        for row in rows:
            if row.retired:
                table.filter(key=row.key).delete()
            else:
                _put(table, {"key": row.key}, row.model_dump(exclude={"key", "retired"}))
    _write_stores(policy.stores)
    if policy.controller:
        _put(Controller.objects, {"id": 1}, _controller(policy.controller))


def _write_stores(parts: Iterable[StorePart]) -> None:
    for part in parts:
        if part.retired:
            Store.objects.filter(key=part.key).delete()
        else:
            _put(Store.objects, {"key": part.key}, part.row)


def _controller(part: ControllerPart) -> dict[str, Any]:
    required = part.agreement_required
    countries = sorted(set(required)) if isinstance(required, list) else []
    return part.model_dump() | {"agreement_required": bool(required), "agreement_countries": countries}


def _put(table: Manager[Any], key: dict[str, Any], facts: dict[str, Any]) -> None:
    """Write one row, or what it says now: one statement, since looking at a draft writes everything as well."""
    _put_all(table, [*key], [{**key, **facts}])


def _put_all(table: Manager[Any], key: list[str], rows: list[dict[str, Any]]) -> None:
    if rows:
        said = [name for name in rows[0] if name not in key]
        made = [table.model(**row) for row in rows]
        table.bulk_create(made, update_conflicts=True, unique_fields=key, update_fields=said)


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
    _put(PurposeRecord.objects, {"purpose_key": part.key}, _record(part))
    Retention.objects.filter(purpose_key=part.key).delete()
    Retention.objects.bulk_create(Retention(purpose_key=part.key, **each.model_dump()) for each in part.retention)


def _record(part: PurposePart) -> dict[str, Any]:
    record = part.model_dump(include=RECORDED)
    record["recipients"] = [] if part.recipients == "none" else part.recipients
    record["expires"] = part.expires.model_dump() if part.expires else {}
    record["notices"] = {language: each.model_dump() for language, each in part.notices.items()}
    return record


def _collected(purpose_key: str) -> list[str]:
    return list(Flow.objects.live().filter(purpose_key=purpose_key).values_list("category", flat=True).distinct())


def _write_source(part: SourcePart, state: State) -> None:
    redaction = door.stored(part.redaction)
    facts = part.model_dump(include=OF_A_SOURCE)
    _put(Source.objects, {"key": part.key}, {**facts, "redaction": redaction, "state": state})
    if state == State.LIVE:
        number = _version(part.key, door.rules(part.blocked_apps, part.allowed_apps, redaction))
        live = Source.objects.filter(pk=part.key)
        live.update(redaction=redaction | {"version": number})
        live.filter(live_since=None).update(live_since=timezone.now())
    if part.assessment:
        _put(Assessment.objects, {"source_id": part.key}, part.assessment.model_dump())
    _write_agreements(part)
    _write_flows(part, state)


def _version(source_key: str, rules: dict[str, Any]) -> int:
    """Return the number of these rules at the door of a source; others than the last have the next."""
    last = DoorRules.objects.filter(source=source_key).order_by("-version").first()
    if last is not None and last.rules == rules:
        return last.version
    made = DoorRules(source_id=source_key, version=last.version + 1 if last else 1, rules=rules)
    made.save()
    return made.version


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
    Flow.objects.filter(source=part.key).update(state=State.RETIRED)
    rows = [{**flow.model_dump(exclude={"purpose"}), "purpose_key": flow.purpose} for flow in part.flows]
    key = ["source_id", "category", "purpose_key"]
    _put_all(Flow.objects, key, [{"source_id": part.key, "state": state, **row} for row in rows])


def publish(*, by: Actor) -> None:
    """Tell consent what each live purpose now covers, and publish the notices whose text or terms are new."""
    described = PurposeRecord.objects.values("purpose_key")
    _publish(Purpose.objects.live().filter(pk__in=described), by)


def state_terms(*, by: Actor | None) -> None:
    """Give the notices of the first release terms, from the register as it is, before it says anything else.

    Else nobody who answered them could be asked about what is then added: there were nothing to compare it with.
    """
    described = PurposeRecord.objects.values("purpose_key")
    stated = NoticeVersion.objects.exclude(terms={}).values("notice__purpose")
    bare = Purpose.objects.live().filter(pk__in=described, notices__versions__isnull=False)
    _publish(bare.exclude(pk__in=stated).distinct(), by)


def _publish(purposes: QuerySet[Purpose], by: Actor | None) -> None:
    for purpose in purposes.order_by("pk"):
        Purpose.objects.filter(pk=purpose.pk).update(categories=_collected(purpose.pk))
        said = entry.read(purpose.pk)
        agreed = terms.build_from(said)
        for language, text in notice_text.build_from(said, said.record.notices).items():
            _publish_one(purpose.pk, language, text, agreed, by)


def _publish_one(purpose_key: str, language: str, text: str, agreed: Terms, by: Actor | None) -> None:
    said = {"purpose": purpose_key, "language": language}
    published = NoticeVersion.objects.filter(notice__purpose=purpose_key, notice__language=language)
    before = published.count()
    version = decisions.publish_notice(purpose_key=purpose_key, language=language, text=text, terms=agreed)
    if by and published.count() > before:
        trail.record(Action.NOTICE_PUBLISHED, actor=by, facts={**said, "version": version.version})
