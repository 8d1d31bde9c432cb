"""What a card of the choices page is: one purpose as one person sees it, and what its answers are called."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent.models import Decision, NoticeVersion, Purpose
from consent.values import Basis, DecisionKind, GateState, Grant
from portal.register.models import Source
from portal.rights.prose import html

YES = frozenset({DecisionKind.GIVEN, DecisionKind.ACKNOWLEDGED})
OBJECTIONABLE = frozenset({Basis.LEGITIMATE_INTEREST, Basis.PUBLIC_TASK})

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
    """What taking a yes back, or objecting, would do: said before the click. `goes` is None until it is counted."""

    stops: list[Reach]
    goes: list[tuple[str, str]] | None
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
