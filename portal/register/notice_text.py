"""The notice of a purpose, written from the register: every item of Art. 13 and 14, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from consent.models import Purpose
from consent.values import Basis
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
from portal.register.values import Kind

CATEGORIES = {
    "pointer_movement": gettext_lazy("where the pointer moves"),
    "pointer_clicks": gettext_lazy("clicks, and where"),
    "scrolling": gettext_lazy("scrolling"),
    "keystroke_timing": gettext_lazy("which keys are pressed, and when; not the text"),
    "keystroke_content": gettext_lazy("typed text"),
    "app_usage": gettext_lazy("which app is in front, with its window title"),
    "web_navigation": gettext_lazy("addresses of pages that are opened"),
}
BASES = {
    Basis.CONSENT: gettext_lazy("your consent (Art. 6(1)(a) GDPR)"),
    Basis.CONTRACT: gettext_lazy("the contract with you (Art. 6(1)(b) GDPR)"),
    Basis.LEGAL_OBLIGATION: gettext_lazy("a legal obligation (Art. 6(1)(c) GDPR)"),
    Basis.VITAL_INTERESTS: gettext_lazy("vital interests (Art. 6(1)(d) GDPR)"),
    Basis.PUBLIC_TASK: gettext_lazy("a task in the public interest (Art. 6(1)(e) GDPR)"),
    Basis.LEGITIMATE_INTEREST: gettext_lazy("a legitimate interest (Art. 6(1)(f) GDPR)"),
}


def build(purpose_key: str, language: str) -> str:
    """Return the notice in one language; raises KeyError if the register has no words in it."""
    return build_all(purpose_key, [language])[language]


def build_all(purpose_key: str, languages: Iterable[str]) -> dict[str, str]:
    """Return the notices; the same register gives the same text, so that nothing is published twice."""
    purpose = Purpose.objects.get(pk=purpose_key)
    record = PurposeRecord.objects.get(purpose_key=purpose_key)
    flows = list(
        Flow.objects.live().filter(purpose_key=purpose_key).select_related("source").order_by("source", "category")
    )
    return {language: _build(purpose, record, flows, language) for language in languages}


def _build(purpose: Purpose, record: PurposeRecord, flows: list[Flow], language: str) -> str:
    said = record.notices[language]
    with translation.override(language):
        sections = [
            (_("What is collected, and from where"), _collected(flows)),
            (_("Why it may be"), _basis(purpose, record)),
            (_("If you say no"), _refusal(purpose, record)),
            (_("Who receives it"), _recipients(record)),
            (_("How long it is kept"), _retention(purpose, flows)),
            (_("Your rights"), _rights(purpose)),
            (_("Decisions by machines"), _automated(record)),
            (_("Who answers for it"), _controller()),
            (_("What was examined and agreed"), _examined(flows)),
        ]
        body = "".join(f"\n## {title}\n\n" + "".join(f"- {line}\n" for line in lines) for title, lines in sections)
        further = "".join(f"\n{each}\n" for each in said.get("further", []))
    return f"# {said['title']}\n\n{said['summary']}\n{further}{body}"


def _sources(flows: list[Flow]) -> list[Source]:
    return list({flow.source_id: flow.source for flow in flows}.values())


def _collected(flows: list[Flow]) -> Iterator[str]:
    for source in _sources(flows):
        yield f"**{source.title}** ({source.get_kind_display()}): {source.description}"
        for flow in flows:
            if flow.source_id == source.key:
                yield _flow(flow)
        if source.blocked_apps:
            yield _("Nothing is kept while one of these apps is in front: %(apps)s.") % {
                "apps": ", ".join(source.blocked_apps)
            }
        if source.kind == Kind.IMPORT:
            yield _("Earlier recordings are taken in: %(which)s") % {"which": source.earlier_recordings}


def _flow(flow: Flow) -> str:
    parts = [_("%(what)s: %(why)s") % {"what": CATEGORIES[flow.category], "why": flow.why}]
    if flow.content_apps:
        parts.append(_("Only in: %(apps)s.") % {"apps": ", ".join(flow.content_apps)})
    if flow.category in ("keystroke_timing", "keystroke_content"):
        exact, rough = _("To the millisecond."), _("Times are cut to the second.")
        parts.append(exact if flow.exact_timing else rough)
    within, always = _("Only in your working hours, where they are known."), _("Also outside your working hours.")
    # Recordings taken in later are not measured against today's hours.
    if flow.source.kind != Kind.IMPORT:
        parts.append(always if flow.off_hours else within)
    return " ".join(parts)


def _basis(purpose: Purpose, record: PurposeRecord) -> Iterator[str]:
    yield _("Purpose: %(what)s") % {"what": purpose.description}
    yield _("Legal basis: %(basis)s.") % {"basis": BASES[Basis(purpose.basis)]}
    if record.legitimate_interest:
        yield _("The interest: %(what)s") % {"what": record.legitimate_interest}
    if record.law:
        yield _("The law: %(what)s") % {"what": record.law}
    yield _("Whose data: %(who)s.") % {"who": record.people}


def _refusal(purpose: Purpose, record: PurposeRecord) -> Iterator[str]:
    if purpose.basis == Basis.CONSENT:
        yield _("You need not say yes. %(consequence)s") % {"consequence": purpose.refusal_consequence}
        yield _("What happens instead: %(alternative)s") % {"alternative": purpose.alternative}
        yield _("You can take your yes back at any time; what was done until then stays lawful.")
    elif purpose.refusal_consequence:
        yield purpose.refusal_consequence
    nothing = _("No law and no contract obliges you to provide this data.")
    yield record.obligatory or nothing


def _recipients(record: PurposeRecord) -> Iterator[str]:
    named = list(Recipient.objects.filter(pk__in=record.recipients or []).order_by("key"))
    for each in named:
        yield f"**{each.name}** ({each.country}): {each.receives} {each.safeguard}".rstrip()
    if not named:
        yield _("Nobody outside the company receives it.")
    for processor in Processor.objects.order_by("key"):
        said = {"name": processor.name, "country": processor.country, "service": processor.service}
        yield (
            _("On the company's behalf: %(name)s (%(country)s): %(service)s") % said + f" {processor.safeguard}"
        ).rstrip()


def _retention(purpose: Purpose, flows: list[Flow]) -> Iterator[str]:
    collected = {flow.category for flow in flows}
    for each in Retention.objects.filter(purpose_key=purpose.key, category__in=collected).order_by("category"):
        said = {"what": CATEGORIES[each.category], "days": each.days, "why": each.why}
        yield _("%(what)s: %(days)s days. %(why)s") % said


def _rights(purpose: Purpose) -> Iterator[str]:
    yield _("See everything, and get a copy (Art. 15).")
    yield _("Have it corrected (Art. 16), erased (Art. 17) or its use restricted (Art. 18).")
    if purpose.basis in (Basis.CONSENT, Basis.CONTRACT):
        yield _("Take it with you in a form that machines read (Art. 20).")
    if purpose.basis in (Basis.LEGITIMATE_INTEREST, Basis.PUBLIC_TASK):
        yield _("Object at any time (Art. 21): collection stops at once while it is decided.")
    yield _("You need no form: each is one click in this portal.")


def _automated(record: PurposeRecord) -> Iterator[str]:
    yield record.automated_decisions or _("None are made. Nobody is scored, ranked or compared.")


def _controller() -> Iterator[str]:
    controller = Controller.objects.first()
    if controller is None:
        return
    yield f"{controller.name}, {controller.address}, {controller.contact}"
    if controller.representative:
        yield _("Representative in the Union: %(who)s") % {"who": controller.representative}
    yield _("Data protection officer: %(who)s, %(contact)s") % {
        "who": controller.dpo_name,
        "contact": controller.dpo_contact,
    }
    yield _("You can complain to %(authority)s.") % {"authority": controller.authority}


def _examined(flows: list[Flow]) -> Iterator[str]:
    sources = [source.key for source in _sources(flows)]
    for each in Assessment.objects.filter(source__in=sources).order_by("source"):
        said = {"title": each.title, "dated": each.dated.isoformat(), "by": each.by}
        yield _("Impact assessment: %(title)s, %(dated)s, by %(by)s.") % said
    for agreement in WorksAgreement.objects.filter(source__in=sources).order_by("source"):
        said = {"agreement": str(agreement), "dated": agreement.dated.isoformat()}
        yield pgettext("works agreement", "Agreed with the works council: %(agreement)s, %(dated)s.") % said
