"""What a card of the choices page is: one purpose as one person sees it, and what its answers are called."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent import terms
from consent.asking import Question, Why
from consent.models import Decision, NoticeVersion, Purpose
from consent.values import Basis, DecisionKind, GateState, Grant
from portal.events.devices_said import Line
from portal.register.changes import sentence, sentence_less
from portal.register.models import Source
from portal.rights.choices.prose import html, summary
from portal.rights.models import SubjectRequest

YES = frozenset({DecisionKind.GIVEN, DecisionKind.ACKNOWLEDGED})
STOPPING = frozenset({DecisionKind.WITHDRAWN, DecisionKind.OBJECTED})
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
    """One purpose, as one person sees it. `answered` is the text that the standing answer was given to."""

    purpose: Purpose
    notice: NoticeVersion | None
    decision: Decision | None
    grant: Grant | None
    reaches: list[Reach]
    question: Question | None = None
    answered: NoticeVersion | None = None
    must_acknowledge: bool = False
    periods: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    leaving: Leaving | None = None
    objection: SubjectRequest | None = None
    erasure: SubjectRequest | None = None
    devices: list[Line] = field(default_factory=list)

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
    def why(self) -> str:
        """Why it is asked now: a value of `Why`, or empty where nothing is asked."""
        return self.question.why if self.question else ""

    @property
    def news(self) -> list[str]:
        """By what the notice asks more than what was answered."""
        return [sentence(each) for each in self.question.changes] if self.question else []

    @property
    def is_reworded(self) -> bool:
        """Whether only the words are others than those answered, or less is asked: a reason to tell, not to ask."""
        before, now = self.answered, self.notice
        return not self.why and bool(before and now and before.notice_id == now.notice_id and before.pk != now.pk)

    @cached_property
    def less(self) -> list[str]:
        """By what the notice in force asks less than what was answered; it acts at once."""
        if self.answered is None or self.notice is None:
            return []
        changes = terms.narrowed(self.answered.compared, self.notice.compared)
        return [sentence_less(each) for each in changes if each.code != terms.Code.COUNTRY]

    @property
    def until(self) -> datetime | None:
        """When the answer ends, or ended, by itself."""
        if self.question and self.question.until:
            return self.question.until
        until_ms = self.grant.until_ms if self.grant else None
        return datetime.fromtimestamp(until_ms / 1000, UTC) if until_ms else None

    @property
    def has_ended(self) -> bool:
        return self.why == Why.EXPIRED or (self.why == Why.NEW and self.decision is not None)

    @property
    def is_waiting(self) -> bool:
        """A yes counts only once it is written down outside the databases."""
        if self.decision is None or not self.said_yes or self.has_ended:
            return False
        return self.grant is None or self.grant.leaf < self.decision.leaf_idx

    @property
    def stopped_at(self) -> datetime | None:
        """Since when a no keeps everything out that a yes had let in."""
        taken_back = self.decision is not None and self.decision.kind in STOPPING
        return self.decision.at if self.decision and taken_back else None

    @property
    def erases_at(self) -> datetime | None:
        """When what the answer had let in is erased, as long as there is time to take a copy."""
        at = self.erasure.not_before if self.erasure and self.erasure.is_open else None
        return at if at and at > timezone.now() else None

    @property
    def is_undecided(self) -> bool:
        """Whether an objection waits for its decision: until then nothing else can be answered."""
        return self.objection is not None and self.objection.needs_decision

    @property
    def may_object(self) -> bool:
        return self.purpose.basis in OBJECTIONABLE

    @property
    def offers(self) -> list[str]:
        """Which answers the page has buttons for: always a yes and a no together, or what undoes the answer."""
        told = "give" if self.on_consent else "acknowledge"
        asked = self.notice is not None and (bool(self.question) or not self.said_yes) and not self.is_undecided
        return ([told] if asked else []) + self._ways_out()

    def _ways_out(self) -> list[str]:
        """A yes is undone in the way of the basis that it was given on."""
        if self.said_yes and self.decision:
            if self.decision.kind == DecisionKind.GIVEN:
                return ["withdraw"]
            standing = self.grant.basis if self.grant else self.purpose.basis
            if standing in OBJECTIONABLE:
                return ["object"]
            # Consent is asked now for what rested on something else: a no must be there beside the yes.
            return ["refuse"] if self.question and self.on_consent else []
        if self.notice is None or (self.said_no and not self.question):
            return []
        if self.on_consent:
            return ["refuse"]
        return ["object"] if self.may_object and not self.said_no else []

    @property
    def said(self) -> str:
        return str(SAID[DecisionKind(self.decision.kind)]) if self.decision else ""

    @property
    def tag(self) -> str:
        if self.decision is None:
            return _("Not answered") if self.on_consent else _("Not yet confirmed")
        if self.has_ended:
            return _("Ended")
        return _("Told") if self.must_acknowledge else str(TAGS[DecisionKind(self.decision.kind)])

    @property
    def tone(self) -> str:
        if self.decision is None:
            return "plain"
        return "" if self.said_yes and not self.has_ended else "off"

    @property
    def text(self) -> SafeString:
        return html(self.notice.text) if self.notice else SafeString("")

    @property
    def summary(self) -> str:
        """The short layer of the notice."""
        return (summary(self.notice.text) if self.notice else "") or self.purpose.description


@dataclass
class Ended:
    """A purpose that is over, and what became of the answer to it."""

    purpose: Purpose
    decision: Decision
    erasure: SubjectRequest | None = None

    @property
    def said(self) -> str:
        return str(SAID[DecisionKind(self.decision.kind)])


@dataclass(frozen=True)
class Deck:
    """All of a person's cards, and what they were read with."""

    cards: list[Card]
    state: GateState | None
    sources: dict[str, Source]
    ended: list[Ended] = field(default_factory=list)

    @property
    def unanswered(self) -> list[Card]:
        return [card for card in self.cards if card.decision is None]

    @property
    def asked(self) -> list[Card]:
        return [card for card in self.cards if card.question]

    @property
    def refusals(self) -> list[Card]:
        return [card for card in self.cards if card.said_no]

    def card(self, purpose_key: str) -> Card | None:
        return next((card for card in self.cards if card.key == purpose_key), None)

    @property
    def way(self) -> list[Card]:
        """The cards in an order that no answer changes: what the person has to be told, what is asked, the rest."""
        return sorted(self.cards, key=lambda card: (not card.must_acknowledge, not card.on_consent, card.purpose.title))

    def after(self, purpose_key: str) -> Card | None:
        """Return the next card on the way that asks something; with an unknown key the first one."""
        keys = [card.key for card in self.way]
        since = keys.index(purpose_key) + 1 if purpose_key in keys else 0
        return next((card for card in self.way[since:] if card.question), None)


def listed(names: Iterable[str]) -> str:
    """Join names as a sentence does; the first keeps its case, since the caller knows where it stands."""
    all_names = [str(name) for name in names]
    if len(all_names) < 2:
        return "".join(all_names)
    return _("%(first)s and %(last)s") % {"first": ", ".join(all_names[:-1]), "last": all_names[-1]}
