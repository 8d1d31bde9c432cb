"""What the law demands of the register before a source or purpose may be live; asked of the rows themselves."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from consent.models import Notice, Purpose
from consent.values import Basis
from portal.register import laws, notice_text
from portal.register.countries import EEA
from portal.register.laws import Acknowledge
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
            lacking = [*_of_basis(purpose, record), *_of_record(record, known), *_of_notices(purpose, record)]
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
    # Who only tells people of something hands no data on.
    if record.recipients is None and not record.must_acknowledge:
        yield _("say who receives the data in `recipients`, or `recipients: none`")
    for key in record.recipients or []:
        if key not in known:
            yield _("the recipient %(key)s is described nowhere: add it under `recipients`") % {"key": key}


def _of_notices(purpose: Purpose, record: PurposeRecord) -> Iterator[str]:
    if not record.notices:
        yield _("write the notice: `notices` with a title and a summary for each language")
        return
    published = set(Notice.objects.filter(purpose=purpose).values_list("language", flat=True))
    for language in sorted(published - set(record.notices)):
        yield _(
            "go on with the notice in %(language)s: people read the one published in it, and would miss what is new"
        ) % {"language": language}
    if record.must_acknowledge:
        yield from _of_laws(purpose, record)


def _of_laws(purpose: Purpose, record: PurposeRecord) -> Iterator[str]:
    """A law may prescribe the words of a notice of monitoring, and how often it is confirmed."""
    for law in laws.of(record.jurisdictions):
        for language, text in notice_text.build_all(purpose.key, record.notices).items():
            if not all(laws.plain(sentence) in laws.plain(text) for sentence in law.wording):
                said = {"language": language, "law": law.law}
                yield _("the notice in %(language)s does not hold the sentence that %(law)s prescribes") % said
        yearly = law.acknowledge == Acknowledge.YEARLY and record.jurisdictions
        if yearly and record.expires != {"each": "calendar_year"}:
            said = {"law": law.law}
            yield _("%(law)s asks for a notice in each calendar year: `expires: {each: calendar_year}`") % said


def _of_sources() -> Iterator[str]:
    # Where only some countries demand an agreement, the source is inactive there without one, and live elsewhere.
    required = Controller.objects.filter(agreement_required=True, agreement_countries=[]).exists()
    assessed = {each.source_id: each for each in Assessment.objects.all()}
    agreed = set(WorksAgreement.objects.values_list("source_id", flat=True))
    for source in Source.objects.live().order_by("key"):
        wanted = [*_of_assessment(assessed.get(source.key)), *_of_flows(source)]
        if required and source.key not in agreed:
            wanted.append(_("name the works agreement in `works_agreement`, or one for each country"))
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
    telling = set(PurposeRecord.objects.filter(must_acknowledge=True).values_list("purpose_key", flat=True))
    kept = set(Retention.objects.values_list("purpose_key", "category"))
    if not flows:
        yield _("say in `flows` what is collected, for which purpose and why")
    for flow in flows:
        said = {"category": flow.category, "purpose": flow.purpose_key}
        if flow.purpose_key in telling:
            yield _("%(category)s is collected for %(purpose)s, which only tells people and permits nothing") % said
        elif flow.purpose_key not in live:
            yield _("%(category)s is collected for %(purpose)s, which is no live purpose") % said
        if (flow.purpose_key, flow.category) not in kept:
            yield _("say how long %(category)s is kept: `retention` of the purpose %(purpose)s") % said
