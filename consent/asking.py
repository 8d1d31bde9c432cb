"""What a person is asked, and why: never twice without a reason, and never because of wording alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import Count
from django.utils import timezone

from consent import terms
from consent.models import Decision, Gate, NoticeVersion, Purpose
from consent.terms import Change
from consent.values import ASKED_AGAIN_AFTER, RENEWED_BEFORE, DecisionKind

YES = (DecisionKind.GIVEN, DecisionKind.ACKNOWLEDGED)
# The hash alone does not tell versions apart that were published without terms: their texts may be the same.
Texts = dict[tuple[str, int, str], NoticeVersion]


class Why(StrEnum):
    """Why somebody is asked."""

    NEW = "new"
    WIDENED = "widened"
    EXPIRED = "expired"
    RENEW = "renew"
    INVITED = "invited"


@dataclass(frozen=True)
class Question:
    """A purpose to be answered: by which text, and since when another answer stood, if one did.

    `since` is the version answered before, `changes` what the new one adds to it; `until` is when that answer lapses.
    """

    purpose: Purpose
    notice: NoticeVersion
    why: Why
    answer: Decision | None = None
    since: NoticeVersion | None = None
    changes: tuple[Change, ...] = ()
    until: datetime | None = None


def questions(subject_id: UUID, language: str = "en", now: datetime | None = None) -> dict[str, Question]:
    """Return what this person is asked now, by purpose; four queries, however many purposes there are."""
    now = now or timezone.now()
    purposes = {each.key: each for each in Purpose.objects.live()}
    notices = NoticeVersion.objects.in_force_of(purposes, language)
    answers = {each.purpose_key: each for each in Decision.objects.for_subject(subject_id).latest_by_purpose()}
    return asked(purposes, notices, answers, answered_texts(answers.values()), now)


def asked(
    purposes: Mapping[str, Purpose],
    notices: Mapping[str, NoticeVersion],
    answers: Mapping[str, Decision],
    texts: Texts,
    now: datetime,
) -> dict[str, Question]:
    """Return the same from rows that were read already."""
    found = (_question(purposes[key], notice, answers.get(key), texts, now) for key, notice in sorted(notices.items()))
    return {each.purpose.key: each for each in found if each}


def answered_texts(answers: Iterable[Decision]) -> Texts:
    """Return the versions that were answered, by purpose, number and hash."""
    found = NoticeVersion.objects.comparable().filter(sha256__in={each.notice_sha256 for each in answers})
    return {(each.notice.purpose_id, each.version, each.sha256): each for each in found.select_related("notice")}


def answered(answer: Decision, texts: Texts) -> NoticeVersion | None:
    return texts.get((answer.purpose_key, answer.notice_version, answer.notice_sha256))


def _question(
    purpose: Purpose, notice: NoticeVersion, answer: Decision | None, texts: Texts, now: datetime
) -> Question | None:
    if answer is None or _ended(purpose, answer):
        return Question(purpose, notice, Why.NEW, answer)
    since = answered(answer, texts)
    lapses = terms.until(since.terms, answer.at) if since and answer.kind in YES else None
    changes = tuple(terms.widened(since.compared, notice.compared)) if since and since.pk != notice.pk else ()
    why = _why(purpose, answer, changes, lapses, now)
    return Question(purpose, notice, why, answer, since, changes, lapses) if why else None


def _ended(purpose: Purpose, answer: Decision) -> bool:
    """Return whether the purpose was retired since: what comes back is asked anew."""
    return bool(purpose.retired_at and answer.at < purpose.retired_at)


def _why(
    purpose: Purpose, answer: Decision, changes: tuple[Change, ...], lapses: datetime | None, now: datetime
) -> Why | None:
    if lapses and lapses <= now:
        return Why.EXPIRED
    if changes:
        return Why.WIDENED
    if lapses and lapses <= now + RENEWED_BEFORE:
        return Why.RENEW
    return Why.INVITED if _invited(purpose, answer) else None


def _invited(purpose: Purpose, answer: Decision) -> bool:
    if answer.kind in YES or purpose.asked_again_at is None:
        return False
    return answer.at + ASKED_AGAIN_AFTER <= purpose.asked_again_at


def counts(purpose_key: str, new: terms.Terms) -> Counter[str]:
    """Count whom such terms would ask again, and whom not.

    Keys are `asked_yes`, `asked_no`, `left_yes`, `left_no` and `unanswered`: numbers, since who said what is nobody's
    to see. An answer to a text that is no longer known is asked again.
    """
    active = Gate.objects.filter(active=True)
    latest = (
        Decision.objects.filter(purpose_key=purpose_key, subject_id__in=active.values("subject_id"))
        .of_this_time()
        .order_by("subject_id", "-leaf_idx")
        .distinct("subject_id")
    )
    groups = (
        Decision.objects.filter(pk__in=latest.values("pk"))
        .values_list("kind", "notice_version", "notice_sha256")
        .annotate(n=Count("pk"))
    )
    found: Counter[str] = Counter(unanswered=active.count())
    published = NoticeVersion.objects.filter(notice__purpose=purpose_key)
    texts = {(each.version, each.sha256): each.compared for each in published}
    for kind, version, sha256, n in groups.order_by():
        before = texts.get((version, sha256))
        asked = before is None or bool(terms.widened(before, new))
        found[f"{'asked' if asked else 'left'}_{'yes' if kind in YES else 'no'}"] += n
        found["unanswered"] -= n
    return found
