"""Which purposes no longer cover what is kept for them: what a no, a lapse or the end of a purpose calls back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from consent import terms
from consent.asking import Texts, answered, answered_texts
from consent.models import Decision, Purpose
from consent.values import DecisionKind
from portal.rights.models import SubjectRequest
from portal.rights.values import State

TAKEN_BACK = frozenset({DecisionKind.WITHDRAWN, DecisionKind.REFUSED})
YES = frozenset({DecisionKind.GIVEN, DecisionKind.ACKNOWLEDGED})


def uncovered(subject_id: UUID, now: datetime | None = None) -> frozenset[str]:
    """Return the purposes for which nothing may be kept any more: data bound to these alone has no purpose left.

    Not among them: what was objected to, until that is upheld, since until then nobody may use or delete it; and
    what the person wants deleted later, until it is.
    """
    latest = list(Decision.objects.for_subject(subject_id).latest_by_purpose())
    standing = [each for each in latest if each.kind in YES]
    found = {each.purpose_key for each in latest if each.kind in TAKEN_BACK}
    found |= {each.purpose_key for each in latest if each.kind == DecisionKind.OBJECTED} & _upheld(subject_id)
    found |= _over(standing) | _lapsed(standing, now or timezone.now())
    return frozenset(found - _later(subject_id))


def undecided(subject_id: UUID) -> frozenset[str]:
    """Return the purposes whose objection is still to be decided."""
    open_ones = SubjectRequest.objects.for_subject(subject_id).objections().undecided()
    return frozenset().union(*(each.about for each in open_ones))


def _upheld(subject_id: UUID) -> set[str]:
    """Return the purposes whose latest objection was granted."""
    outcome: dict[str, bool] = {}
    for each in SubjectRequest.objects.for_subject(subject_id).objections().order_by("opened_at"):
        outcome |= dict.fromkeys(each.about, each.state == State.DELIVERED)
    return {key for key, granted in outcome.items() if granted}


def _later(subject_id: UUID) -> set[str]:
    waiting = SubjectRequest.objects.for_subject(subject_id).put_off()
    return {each.purpose_key for each in waiting if each.purpose_key}


def _over(standing: Iterable[Decision]) -> set[str]:
    """Return the purposes that were retired since their yes."""
    ended = dict(Purpose.objects.exclude(retired_at=None).values_list("key", "retired_at"))
    return {each.purpose_key for each in standing if each.purpose_key in ended and each.at < ended[each.purpose_key]}


def _lapsed(standing: Iterable[Decision], now: datetime) -> set[str]:
    """Return the purposes whose consent ran out and was not given again in time."""
    given = [each for each in standing if each.kind == DecisionKind.GIVEN]
    texts = answered_texts(given) if given else {}
    ends = {each.purpose_key: _lapse(each, texts) for each in given}
    return {key for key, end in ends.items() if end and end + grace() <= now}


def _lapse(answer: Decision, texts: Texts) -> datetime | None:
    text = answered(answer, texts)
    return terms.until(text.terms, answer.at) if text else None


def grace() -> timedelta:
    """Return how long what a lapsed consent covered waits for a new yes."""
    return timedelta(days=settings.LAPSED_CONSENT_DAYS)
