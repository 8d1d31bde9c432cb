"""What the law demands of the register before a source or purpose may be live; asked of the rows themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from consent.models import Purpose
from consent.values import Basis
from portal.register.countries import EEA
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
from portal.register.values import Kind, State


def missing(wanted: Collection[str] = ()) -> list[str]:
    """Return what stands between the law and all that is live, or of the purposes `wanted`, each with what to do."""
    return [*_of_the_house(), *_of_purposes(wanted), *_of_sources()]


def _of_the_house() -> Iterator[str]:
    if not Controller.objects.exists():
        yield _("controller: say who answers for the processing, with the data protection officer")
    named: list[Recipient | Processor] = [*Recipient.objects.all(), *Processor.objects.all()]
    for each in named:
        if each.country not in EEA and not each.safeguard:
            yield _("%(key)s is in %(country)s: name the safeguard of the transfer (Art. 45 or 46) in `safeguard`") % {
                "key": each.key,
                "country": each.country,
            }


def _of_purposes(wanted: Collection[str]) -> Iterator[str]:
    records = {each.purpose_key: each for each in PurposeRecord.objects.all()}
    known = set(Recipient.objects.values_list("key", flat=True))
    for purpose in Purpose.objects.filter(Q(state=State.LIVE) | Q(pk__in=wanted)).order_by("key"):
        record = records.get(purpose.key)
        if record:
            lacking = [*_of_basis(purpose, record), *_of_record(record, known)]
            yield from (f"purpose {purpose.key}: {what}" for what in lacking)


def _of_basis(purpose: Purpose, record: PurposeRecord) -> Iterator[str]:
    if purpose.basis == Basis.CONSENT:
        if record.refusal_has_consequence is not False:
            yield _("say `refusal_has_consequence: false`; consent is no basis where a no has a consequence")
        if not purpose.refusal_consequence:
            yield _("tell people in `refusal_consequence` that saying no has none")
        if not purpose.alternative:
            yield _("name in `alternative` what happens instead for those who say no")
    elif purpose.basis == Basis.LEGITIMATE_INTEREST and not record.legitimate_interest:
        yield _("name the interest, and why it weighs more, in `legitimate_interest`")
    elif purpose.basis in (Basis.LEGAL_OBLIGATION, Basis.PUBLIC_TASK) and not record.law:
        yield _("name the law in `law`")


def _of_record(record: PurposeRecord, known: set[str]) -> Iterator[str]:
    if record.recipients is None:
        yield _("say who receives the data in `recipients`, or `recipients: none`")
    for key in record.recipients or []:
        if key not in known:
            yield _("the recipient %(key)s is described nowhere: add it under `recipients`") % {"key": key}
    if not record.notices:
        yield _("write the notice: `notices` with a title and a summary for each language")


def _of_sources() -> Iterator[str]:
    required = Controller.objects.filter(agreement_required=True).exists()
    assessed = {each.source_id: each for each in Assessment.objects.all()}
    agreed = set(WorksAgreement.objects.values_list("source_id", flat=True))
    for source in Source.objects.live().order_by("key"):
        wanted = [*_of_assessment(assessed.get(source.key)), *_of_flows(source)]
        if required and source.key not in agreed:
            wanted.append(_("name the works agreement in `works_agreement`"))
        if source.kind == Kind.IMPORT and not source.earlier_recordings:
            wanted.append(_("tell people in `earlier_recordings` which earlier recordings are taken in"))
        yield from (f"source {source.key}: {what}" for what in wanted)


def _of_assessment(assessment: Assessment | None) -> Iterator[str]:
    today = timezone.localdate()
    if assessment is None:
        yield _("add the impact assessment in `assessment`, with its date and the workers' views")
        return
    if not assessment.workers_views:
        yield _("write the workers' views down in `assessment.workers_views`")
    if max(assessment.dated, assessment.workers_asked) > today:
        yield _("the assessment lies in the future: a source goes live after it, not before")


def _of_flows(source: Source) -> Iterator[str]:
    flows = list(Flow.objects.filter(source=source, state=State.LIVE).order_by("pk"))
    live = set(Purpose.objects.live().values_list("key", flat=True))
    kept = set(Retention.objects.values_list("purpose_key", "category"))
    if not flows:
        yield _("say in `flows` what is collected, for which purpose and why")
    for flow in flows:
        said = {"category": flow.category, "purpose": flow.purpose_key}
        if flow.purpose_key not in live:
            yield _("%(category)s is collected for %(purpose)s, which is no live purpose") % said
        if (flow.purpose_key, flow.category) not in kept:
            yield _("say how long %(category)s is kept: `retention` of the purpose %(purpose)s") % said
