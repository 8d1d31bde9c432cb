"""Reads what a person is asked, what they said and what that covers: for the choices page and the overview."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.utils.translation import ngettext

from consent.models import Decision, NoticeVersion, Purpose
from consent.values import GateState, Grant, Scope
from portal.events import reading, words
from portal.register.models import PurposeRecord, Recipient, Retention, Source
from portal.rights import actions
from portal.rights.cards import Card, Deck, Leaving, Reach, listed

Covers = Mapping[str, Iterable[str]]
# Counting opens every stored day once a card: up to here it takes well under a second.
COUNTED_AT_ONCE = 200_000


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


def full_deck(subject_id: UUID, state: GateState | None, language: str, counted: str = "") -> Deck:
    """Read what the choices page says besides: periods, recipients, and what a no would do.

    Where there is too much to count for every card, only that of the purpose `counted` is.
    """
    found = deck(subject_id, state, language)
    periods, recipients = _periods(), _recipients()
    leavable = [card for card in found.cards if card.said_yes and {"withdraw", "object"} & set(card.offers)]
    little = bool(leavable) and _is_little(subject_id)
    for card in found.cards:
        card.periods = periods.get(card.key, [])
        card.recipients = recipients.get(card.key, [])
    for card in leavable:
        card.leaving = leaving(subject_id, card, found, count=little or card.key == counted)
    return found


def _is_little(subject_id: UUID) -> bool:
    return sum(sum(day.events.values()) for day in reading.days(subject_id)) <= COUNTED_AT_ONCE


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


def leaving(subject_id: UUID, card: Card, found: Deck, *, count: bool) -> Leaving:
    """Count what would go, in the very scope that the erasure would have, and name what goes on."""
    stops = reach_of(card.grant.covers if card.grant else {}, found.sources)
    return Leaving(stops, _goes(subject_id, card, found) if count else None, _goes_on(card, found))


def _goes(subject_id: UUID, card: Card, found: Deck) -> list[tuple[str, str]]:
    unneeded = {other.key for other in found.refusals} | {card.key}
    would = actions.dry_run(subject_id=subject_id, scope=Scope(purposes=frozenset(unneeded)))
    return [(f"{would.goes[key]:,}", words.category(key).lower()) for key in words.CATEGORIES if would.goes.get(key)]


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
