"""The items of Art. 13 and 14, each written from the register: lines of a list, in the language that is active."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext

from consent import door
from consent.values import Basis
from portal.register import door_words
from portal.register.countries import EEA
from portal.register.entry import Entry
from portal.register.models import Controller, Flow, Processor, Recipient, Source
from portal.register.standing import ALL
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


def category(key: str) -> str:
    return str(CATEGORIES.get(key, key))


def collected(of: Entry) -> Iterator[str]:
    for source in of.sources:
        yield f"**{source.title}** ({source.get_kind_display()}): {source.description}"
        yield from (_flow(flow) for flow in of.flows_of(source))
        yield from door_words.apps(source.blocked_apps, source.allowed_apps)
        rules = door.read(source.redaction)
        yield from door_words.lines(rules, [flow.category for flow in of.flows_of(source)])
        yield from door_words.version(rules)
        yield from _origin(source)
        yield from _where(of, source)


def _origin(source: Source) -> Iterator[str]:
    """Say where the data comes from (Art. 14(2)(f))."""
    if source.kind == Kind.IMPORT:
        yield _("It comes from recordings that exist already, not from your device.")
        yield _("Earlier recordings are taken in: %(which)s") % {"which": source.earlier_recordings}
    else:
        yield _("It comes from your own device, while you use it.")
    if source.origins:
        yield _("It runs in the pages of: %(where)s.") % {"where": ", ".join(sorted(source.origins))}


def _where(of: Entry, source: Source) -> Iterator[str]:
    """Say in which countries the source is not active yet."""
    places = of.places_of(source)
    if "only_in" in places:
        yield _("It is active only in: %(countries)s.") % {"countries": ", ".join(places["only_in"])}
    if "not_in" in places:
        yield _("It is not active in: %(countries)s, as long as there is no works agreement.") % {
            "countries": ", ".join(places["not_in"])
        }


def _flow(flow: Flow) -> str:
    parts = [_("%(what)s: %(why)s") % {"what": category(flow.category), "why": flow.why}]
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


def basis(of: Entry) -> Iterator[str]:
    purpose, record = of.purpose, of.record
    yield _("Purpose: %(what)s") % {"what": purpose.description}
    yield _("Legal basis: %(basis)s.") % {"basis": BASES[Basis(purpose.basis)]}
    if record.legitimate_interest:
        yield _("The interest: %(what)s") % {"what": record.legitimate_interest}
    if record.law:
        yield _("The law: %(what)s") % {"what": record.law}
    yield _("Whose data: %(who)s.") % {"who": record.people}
    if record.jurisdictions:
        yield _("Only of people in: %(where)s.") % {"where": ", ".join(record.jurisdictions)}


def refusal(of: Entry) -> Iterator[str]:
    purpose = of.purpose
    if purpose.basis == Basis.CONSENT:
        yield _("You need not say yes. %(consequence)s") % {"consequence": purpose.refusal_consequence}
        yield _("What happens instead: %(alternative)s") % {"alternative": purpose.alternative}
        yield _("You can take your yes back at any time; what was done until then stays lawful.")
    elif purpose.refusal_consequence:
        yield purpose.refusal_consequence
    nothing = _("No law and no contract obliges you to provide this data.")
    yield of.record.obligatory or nothing


def recipients(of: Entry) -> Iterator[str]:
    for each in of.recipients:
        yield f"**{each.name}** ({each.country}): {each.receives}"
    if not of.recipients:
        yield _("Nobody outside the company receives it.")
    for processor in of.processors:
        said = {"name": processor.name, "country": processor.country, "service": processor.service}
        yield _("On the company's behalf: %(name)s (%(country)s): %(service)s") % said


def transfers(of: Entry) -> Iterator[str]:
    named: list[Recipient | Processor] = [*of.recipients, *of.processors]
    outside = [each for each in named if each.country not in EEA]
    for each in outside:
        yield f"{each.name} ({each.country}): {each.safeguard}"
    if not outside:
        yield _("None of those named above is outside it.")


def retention(of: Entry) -> Iterator[str]:
    collected = {flow.category for flow in of.flows}
    for each in of.periods:
        if each.category in collected:
            said = {"what": category(each.category), "days": each.days, "why": each.why}
            yield _("%(what)s: %(days)s days. %(why)s") % said
    yield from expiry(of)


def expiry(of: Entry) -> Iterator[str]:
    """Say when an answer lapses by itself."""
    if days := of.record.expires.get("after_days"):
        yield ngettext(
            "Your answer lapses after %(days)d day: then nothing more is collected, unless you answer anew.",
            "Your answer lapses after %(days)d days: then nothing more is collected, unless you answer anew.",
            days,
        ) % {"days": days}
    elif of.record.expires:
        yield _("Your answer lapses at the end of the calendar year: then nothing more is collected, "
                "unless you answer anew.")  # fmt: skip


def rights(of: Entry) -> Iterator[str]:
    yield _("See everything, and get a copy (Art. 15).")
    yield _("Have it corrected (Art. 16), erased (Art. 17) or its use restricted (Art. 18).")
    if of.purpose.basis in (Basis.CONSENT, Basis.CONTRACT):
        yield _("Take it with you in a form that machines read (Art. 20).")
    if of.purpose.basis in (Basis.LEGITIMATE_INTEREST, Basis.PUBLIC_TASK):
        yield _("Object at any time (Art. 21): collection stops at once while it is decided.")
    yield _("You need no form: each is one click in this portal.")
    if of.controller:
        yield _("You can complain to %(authority)s.") % {"authority": of.controller.authority}


def automated(of: Entry) -> Iterator[str]:
    yield of.record.automated_decisions or _("None are made. Nobody is scored, ranked or compared.")


def controller(of: Entry) -> Iterator[str]:
    if of.controller:
        yield from _answering(of.controller)


def _answering(who: Controller) -> Iterator[str]:
    yield f"{who.name}, {who.address}, {who.contact}"
    if who.representative:
        yield _("Representative: %(who)s") % {"who": who.representative}
    yield _("Data protection officer: %(who)s, %(contact)s") % {"who": who.dpo_name, "contact": who.dpo_contact}


def examined(of: Entry) -> Iterator[str]:
    """Name each assessment and agreement once, although several sources may rest on the same."""
    yield from dict.fromkeys(_examined(of))


def _examined(of: Entry) -> Iterator[str]:
    for each in of.assessments:
        said = {"title": each.title, "dated": each.dated.isoformat(), "by": each.by}
        yield _("Impact assessment: %(title)s, %(dated)s, by %(by)s.") % said
    for agreement in of.agreements:
        said = {"agreement": str(agreement), "dated": agreement.dated.isoformat()}
        if agreement.country == ALL:
            yield pgettext("works agreement", "Agreed with the works council: %(agreement)s, %(dated)s.") % said
        else:
            text = pgettext("works agreement", "Agreed with the workers of %(country)s: %(agreement)s, %(dated)s.")
            yield text % (said | {"country": agreement.country})
