"""Reads what a person is asked, what they said and what that covers: for the choices page and the overview."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from uuid import UUID

from django.utils import timezone
from django.utils.translation import ngettext

from consent import asking
from consent.models import Decision, NoticeVersion, Purpose
from consent.values import GateState, Grant, Scope, milliseconds
from portal.events import devices_said, reading, rewrite, words
from portal.people.models import Employee
from portal.register.models import PurposeRecord, Recipient, Retention, Source
from portal.register.standing import concerns
from portal.rights import calling_back
from portal.rights.choices.cards import Card, Deck, Ended, Leaving, Reach, listed
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind

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


def deck(person: Employee, state: GateState | None, language: str) -> Deck:
    """Read what the overview says of each purpose that concerns the person; always the same number of queries."""
    sources = {source.key: source for source in Source.objects.live()}
    purposes = {purpose.key: purpose for purpose in Purpose.objects.exclude(state=Purpose.State.DRAFT)}
    decisions = {each.purpose_key: each for each in Decision.objects.for_subject(person.pk).latest_by_purpose()}
    records = {record.purpose_key: record for record in PurposeRecord.objects.all()}
    grants = state.grants if state else {}
    live = {
        key: purpose
        for key, purpose in purposes.items()
        if purpose.state == Purpose.State.LIVE and (key in grants or _concerns(records.get(key), person))
    }
    notices = NoticeVersion.objects.in_force_of(live, language)
    texts = asking.answered_texts(decisions.values())
    questions = asking.asked(live, notices, decisions, texts, timezone.now())
    found = Deck([], state, sources)
    for key, purpose in live.items():
        notice, decision, record = notices.get(key), decisions.get(key), records.get(key)
        card = Card(purpose, notice, decision, grants.get(key), reach_of(notice.covers if notice else {}, sources))
        card.question = questions.get(key)
        card.answered = asking.answered(decision, texts) if decision else None
        card.must_acknowledge = bool(record and record.must_acknowledge)
        card.recipients = list(record.recipients or []) if record else []
        found.cards.append(card)
    found.cards.sort(key=_order)
    found.ended.extend(_ended(purposes, decisions))
    return found


def _concerns(record: PurposeRecord | None, person: Employee) -> bool:
    return record is None or concerns(record.jurisdictions, person.jurisdiction)


def _order(card: Card) -> tuple[bool, bool, bool, str]:
    """What the person has to be told comes first, then what is asked."""
    return not card.must_acknowledge, not card.question, not card.on_consent, card.purpose.title


def _ended(purposes: Mapping[str, Purpose], decisions: Mapping[str, Decision]) -> list[Ended]:
    over = [purpose for key, purpose in purposes.items() if purpose.state == Purpose.State.RETIRED and key in decisions]
    return [Ended(purpose, decisions[purpose.key]) for purpose in over]


def full_deck(person: Employee, state: GateState | None, language: str, counted: str = "") -> Deck:
    """Read what the choices page says besides: periods, recipients, what was opened, and what a no would do.

    Where there is too much to count for every card, only that of the purpose `counted` is.
    """
    found = deck(person, state, language)
    periods, names = _periods(), _names_of_recipients()
    opened = _opened(person.pk)
    stopped = any(card.stopped_at or card.has_ended for card in found.cards)
    devices = devices_said.after_stops(person.pk) if stopped else {}
    leavable = [card for card in found.cards if card.said_yes and {"withdraw", "object"} & set(card.offers)]
    little = bool(leavable) and _is_little(person.pk)
    for card in found.cards:
        card.periods = periods.get(card.key, [])
        card.recipients = [names.get(key, key) for key in card.recipients]
        card.devices = devices.get(card.key, [])
        card.objection, card.erasure = opened.get((Kind.OBJECTION, card.key)), opened.get((Kind.ERASURE, card.key))
    counted_cards = [card for card in leavable if little or card.key == counted]
    goes = _goes(person.pk, [card.key for card in counted_cards])
    for card in leavable:
        card.leaving = _leaving(card, found, goes.get(card.key))
    for each in found.ended:
        each.erasure = opened.get((Kind.ERASURE, each.purpose.key))
    return found


def _opened(subject_id: UUID) -> dict[tuple[str, str], SubjectRequest]:
    """Return the newest objection and the newest erasure that named each purpose."""
    mine = SubjectRequest.objects.for_subject(subject_id).filter(kind__in=(Kind.OBJECTION, Kind.ERASURE))
    return {(each.kind, purpose): each for each in mine.order_by("opened_at") for purpose in each.about}


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


def _names_of_recipients() -> dict[str, str]:
    return {each.key: f"{each.name} ({each.country})" for each in Recipient.objects.all()}


def _leaving(card: Card, found: Deck, goes: Counter[str] | None) -> Leaving:
    """Say what would stop, go and go on; `goes` is None where it was not counted."""
    stops = reach_of(card.grant.covers if card.grant else {}, found.sources)
    return Leaving(stops, None if goes is None else _counts(goes), _goes_on(card, found))


def _goes(subject_id: UUID, purpose_keys: list[str]) -> dict[str, Counter[str]]:
    """Count what a no to each would take, in the very scope that its erasure would have."""
    if not purpose_keys:
        return {}
    unneeded = calling_back.uncovered(subject_id)
    scopes = {key: Scope(purposes=unneeded | {key}) for key in purpose_keys}
    return rewrite.count_each(subject_id, scopes, milliseconds(timezone.now()))


def _counts(goes: Counter[str]) -> list[tuple[str, str]]:
    return [(f"{goes[key]:,}", words.category(key).lower()) for key in words.CATEGORIES if goes.get(key)]


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
