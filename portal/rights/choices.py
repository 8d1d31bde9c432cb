"""What a person is asked, what they said and what that covers: for the choices page and the overview."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from consent.models import Decision, NoticeVersion, Purpose
from consent.values import Basis, DecisionKind, GateState, Grant, Scope
from portal.events import words
from portal.register.models import PurposeRecord, Recipient, Retention, Source
from portal.rights import actions
from portal.rights.prose import html

YES = frozenset({DecisionKind.GIVEN, DecisionKind.ACKNOWLEDGED})
OBJECTIONABLE = frozenset({Basis.LEGITIMATE_INTEREST, Basis.PUBLIC_TASK})
Covers = Mapping[str, Iterable[str]]

BASIS_WORDS = {
    Basis.CONSENT: gettext_lazy("Your consent. It is your choice, and you can change it at any time."),
    Basis.CONTRACT: gettext_lazy("Your employment contract. You are told about it; it does not depend on a yes."),
    Basis.LEGAL_OBLIGATION: gettext_lazy("A law that your company must follow. You are told about it."),
    Basis.VITAL_INTERESTS: gettext_lazy("To protect somebody’s life. You are told about it."),
    Basis.PUBLIC_TASK: gettext_lazy("A task in the public interest. You are told about it, and you can object."),
    Basis.LEGITIMATE_INTEREST: gettext_lazy(
        "Your company’s legitimate interest. You are told about it, and you can object."
    ),
}
SHORT_BASIS = {
    Basis.CONSENT: gettext_lazy("Your consent"),
    Basis.CONTRACT: gettext_lazy("Your employment contract"),
    Basis.LEGAL_OBLIGATION: gettext_lazy("A law that your company must follow"),
    Basis.VITAL_INTERESTS: gettext_lazy("To protect somebody’s life"),
    Basis.PUBLIC_TASK: gettext_lazy("A task in the public interest"),
    Basis.LEGITIMATE_INTEREST: gettext_lazy("Your company’s legitimate interest"),
}
SAID = {
    DecisionKind.GIVEN: gettext_lazy("You said yes"),
    DecisionKind.REFUSED: gettext_lazy("You said no"),
    DecisionKind.WITHDRAWN: gettext_lazy("You withdrew your yes"),
    DecisionKind.OBJECTED: gettext_lazy("You objected"),
    DecisionKind.ACKNOWLEDGED: gettext_lazy("You confirmed that you were told"),
}
TAGS = {
    DecisionKind.GIVEN: gettext_lazy("Yes"),
    DecisionKind.REFUSED: gettext_lazy("No"),
    DecisionKind.WITHDRAWN: gettext_lazy("Withdrawn"),
    DecisionKind.OBJECTED: gettext_lazy("Objected"),
    DecisionKind.ACKNOWLEDGED: gettext_lazy("Applies"),
}


@dataclass(frozen=True)
class Reach:
    """A source and what it sends."""

    source: str
    categories: list[str]

    @property
    def sentence(self) -> str:
        return listed(self.categories)


@dataclass(frozen=True)
class Leaving:
    """What taking a yes back, or objecting, would do: said before the click."""

    stops: list[Reach]
    goes: list[tuple[str, str]]
    goes_on: list[tuple[str, str]]


@dataclass
class Card:
    """One purpose, as one person sees it."""

    purpose: Purpose
    notice: NoticeVersion | None
    decision: Decision | None
    grant: Grant | None
    reaches: list[Reach]
    periods: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    leaving: Leaving | None = None

    @property
    def key(self) -> str:
        return self.purpose.key

    @property
    def basis(self) -> str:
        return str(BASIS_WORDS[Basis(self.purpose.basis)])

    @property
    def short_basis(self) -> str:
        return str(SHORT_BASIS[Basis(self.purpose.basis)])

    @property
    def on_consent(self) -> bool:
        return self.purpose.on_consent

    @property
    def said_yes(self) -> bool:
        return self.decision is not None and self.decision.kind in YES

    @property
    def said_no(self) -> bool:
        return self.decision is not None and self.decision.kind not in YES

    @property
    def is_waiting(self) -> bool:
        """A yes counts only once it is written down outside the databases."""
        return self.said_yes and self.grant is None

    @cached_property
    def asks_more(self) -> bool:
        """Whether the notice in force covers something else than what was answered."""
        return bool(self.notice and self.grant and self.notice.differs_from(self.grant))

    @property
    def may_object(self) -> bool:
        return self.purpose.basis in OBJECTIONABLE

    @property
    def offers(self) -> list[str]:
        """Which answers the page has buttons for."""
        if self.on_consent:
            yes = ["give"] if not self.said_yes or self.asks_more else []
            no = ["withdraw"] if self.said_yes else [] if self.said_no else ["refuse"]
        else:
            yes = ["acknowledge"] if not self.said_yes or self.asks_more else []
            no = ["object"] if self.may_object and not self.said_no else []
        return yes + no

    @property
    def said(self) -> str:
        return str(SAID[DecisionKind(self.decision.kind)]) if self.decision else ""

    @property
    def tag(self) -> str:
        if self.decision is None:
            return _("Not answered") if self.on_consent else _("Not yet confirmed")
        return str(TAGS[DecisionKind(self.decision.kind)])

    @property
    def tone(self) -> str:
        if self.decision is None:
            return "plain"
        return "" if self.said_yes else "off"

    @property
    def text(self) -> SafeString:
        return html(self.notice.text) if self.notice else SafeString("")


@dataclass(frozen=True)
class Deck:
    """All of a person's cards, and what they were read with."""

    cards: list[Card]
    state: GateState | None
    sources: dict[str, Source]

    @property
    def unanswered(self) -> list[Card]:
        return [card for card in self.cards if card.decision is None]

    @property
    def refusals(self) -> list[Card]:
        return [card for card in self.cards if card.said_no]

    def card(self, purpose_key: str) -> Card | None:
        return next((card for card in self.cards if card.key == purpose_key), None)


def listed(names: Iterable[str]) -> str:
    """Join names as a sentence does; the first keeps its case, since the caller knows where it stands."""
    all_names = [str(name) for name in names]
    if len(all_names) < 2:
        return "".join(all_names)
    return _("%(first)s and %(last)s") % {"first": ", ".join(all_names[:-1]), "last": all_names[-1]}


def category_words(keys: Iterable[str]) -> list[str]:
    """Return categories in the order in which they are always shown, as they stand in a sentence."""
    wanted = set(keys)
    return [words.category(key).lower() for key in words.CATEGORIES if key in wanted]


def reach_of(covers: Covers, sources: Mapping[str, Source]) -> list[Reach]:
    known = [(sources[key].title if key in sources else key, named) for key, named in sorted(covers.items())]
    return [Reach(title, category_words(named)) for title, named in known if named]


def deck(subject_id: UUID, state: GateState | None, language: str) -> Deck:
    """Read what the overview says of each purpose."""
    sources = {source.key: source for source in Source.objects.live()}
    decisions = {
        decision.purpose_key: decision for decision in Decision.objects.for_subject(subject_id).latest_by_purpose()
    }
    purposes = list(Purpose.objects.live())
    notices = _notices([purpose.key for purpose in purposes], language)
    grants = state.grants if state else {}
    cards = [
        _card(purpose, notices.get(purpose.key), decisions.get(purpose.key), grants.get(purpose.key), sources)
        for purpose in purposes
    ]
    return Deck(sorted(cards, key=_order), state, sources)


def _order(card: Card) -> tuple[bool, bool, str]:
    return card.decision is not None, not card.on_consent, card.purpose.title


def _notices(purpose_keys: list[str], language: str) -> dict[str, NoticeVersion]:
    """Return the text in force of each purpose: in the person's language, else in English, else in any."""
    rank = {language: 0, "en": 1}
    found = NoticeVersion.objects.valid().filter(notice__purpose__in=purpose_keys).select_related("notice")
    best: dict[str, NoticeVersion] = {}
    for each in sorted(found, key=lambda v: (rank.get(v.notice.language, 2), v.notice.language, -v.version)):
        best.setdefault(each.notice.purpose_id, each)
    return best


def _card(
    purpose: Purpose,
    notice: NoticeVersion | None,
    decision: Decision | None,
    grant: Grant | None,
    sources: Mapping[str, Source],
) -> Card:
    return Card(purpose, notice, decision, grant, reach_of(notice.covers if notice else {}, sources))


def full_deck(subject_id: UUID, state: GateState | None, language: str) -> Deck:
    """Read what the choices page says besides: periods, recipients, and what a no would do."""
    found = deck(subject_id, state, language)
    periods, recipients = _periods(), _recipients()
    for card in found.cards:
        card.periods = periods.get(card.key, [])
        card.recipients = recipients.get(card.key, [])
        if {"withdraw", "object"} & set(card.offers) and card.said_yes:
            card.leaving = leaving(subject_id, card, found)
    return found


def _periods() -> dict[str, list[str]]:
    """Return for each purpose how long what is kept; categories with the same period share a line."""
    by_length: dict[str, dict[int, list[str]]] = {}
    for each in Retention.objects.order_by("days"):
        by_length.setdefault(each.purpose_key, {}).setdefault(each.days, []).append(each.category)
    return {
        purpose: [
            ngettext("%(what)s: %(days)d day", "%(what)s: %(days)d days", days)
            % {"what": listed(category_words(named)).capitalize(), "days": days}
            for days, named in lengths.items()
        ]
        for purpose, lengths in by_length.items()
    }


def _recipients() -> dict[str, list[str]]:
    names = {each.key: f"{each.name} ({each.country})" for each in Recipient.objects.all()}
    return {
        record.purpose_key: [names.get(key, key) for key in record.recipients or []]
        for record in PurposeRecord.objects.all()
    }


def leaving(subject_id: UUID, card: Card, found: Deck) -> Leaving:
    """Count what would go, in the very scope that the erasure would have, and name what goes on."""
    unneeded = {other.key for other in found.refusals} | {card.key}
    would = actions.dry_run(subject_id=subject_id, scope=Scope(purposes=frozenset(unneeded)))
    goes = [(f"{would.goes[key]:,}", words.category(key).lower()) for key in words.CATEGORIES if would.goes.get(key)]
    stops = reach_of(card.grant.covers if card.grant else {}, found.sources)
    return Leaving(stops, goes, _goes_on(card, found))


def _goes_on(card: Card, found: Deck) -> list[tuple[str, str]]:
    """Return (purpose, what it goes on with) for what a no to this card would leave running."""
    others = (other for other in found.cards if other.grant and other.key != card.key)
    shared = ((other, _overlap(card.grant, other.grant)) for other in others)
    return [(other.purpose.title, listed(category_words(named))) for other, named in shared if named]


def _overlap(one: Grant | None, other: Grant | None) -> set[str]:
    if one is None or other is None:
        return set()
    both = (one.covers[source] & other.covers[source] for source in one.covers.keys() & other.covers.keys())
    return set().union(*both)


def rest_of_day(now: datetime | None = None) -> datetime:
    """Return the next midnight where the person is."""
    local = timezone.localtime(now)
    return local.replace(hour=23, minute=59, second=59, microsecond=0)
