"""Answers that run out, and notices that ask for more: who is to be told, once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.formats import date_format

from consent import terms
from consent.models import Decision, NoticeVersion, Purpose
from consent.values import RENEWED_BEFORE
from portal.outbox import actions as outbox
from portal.outbox.models import Mail
from portal.people.models import Employee
from portal.register.models import PurposeRecord
from portal.register.standing import concerns
from portal.rights.calling_back import YES, grace

RENEWAL, WIDENED = "answer_runs_out", "notice_widened"
# Mails are let go of after a while; so long after a notice nobody is told of it any more.
NEWS = timedelta(days=30)


@dataclass(frozen=True)
class Lapse:
    """A standing yes and when it runs out, or ran out."""

    purpose: Purpose
    answer: Decision
    until: datetime


def due(before: datetime) -> Iterator[Lapse]:
    """Return every standing yes to a live purpose that runs out by then."""
    for version in NoticeVersion.objects.filter(notice__purpose__state=Purpose.State.LIVE).select_related(
        "notice__purpose"
    ):
        latest = _given_by(version.terms, before)
        if latest is not None:
            for answer in _standing(version).filter(at__lte=latest).iterator(chunk_size=500):
                until = terms.until(version.terms, answer.at)
                if until and until <= before:
                    yield Lapse(version.notice.purpose, answer, until)


def _given_by(said: terms.Terms, before: datetime) -> datetime | None:
    """Return until when an answer must have been given to run out by `before`; None where none does."""
    expires = said.get("expires") or {}
    if expires.get("each") == "calendar_year":
        return datetime(before.astimezone(UTC).year, 1, 1, tzinfo=UTC)
    return before - timedelta(days=expires["after_days"]) if expires.get("after_days") else None


def _latest(purpose_key: str) -> QuerySet[Decision]:
    said = Decision.objects.filter(purpose_key=purpose_key).of_this_time()
    newest = said.order_by("subject_id", "-leaf_idx").distinct("subject_id")
    return Decision.objects.filter(pk__in=newest.values("pk"))


def _standing(version: NoticeVersion) -> QuerySet[Decision]:
    this = {"notice_sha256": version.sha256, "notice_version": version.version}
    return _latest(version.notice.purpose_id).filter(kind__in=YES, **this)


def remind(now: datetime | None = None) -> int:
    """Write to those whose yes runs out within a month, or ran out: once for each time it does."""
    now = now or timezone.now()
    told = 0
    for each in due(now + RENEWED_BEFORE):
        if each.until + grace() > now and _is_asked(each.answer.subject_id, each.purpose):
            told += _post_renewal(each)
    return told


def _is_asked(subject_id: UUID, purpose: Purpose) -> bool:
    """Return whether this person is still here, and the purpose concerns people where they work."""
    person = Employee.objects.active().filter(pk=subject_id).first()
    record = PurposeRecord.objects.filter(purpose_key=purpose.key).first()
    return person is not None and concerns(record.jurisdictions if record else (), person.jurisdiction)


def _post_renewal(lapse: Lapse) -> bool:
    day = date_format(lapse.until.astimezone(UTC), "Y-m-d")
    facts = {"purpose": lapse.purpose.key, "title": lapse.purpose.title, "until": day}
    once = f"{RENEWAL}:{lapse.purpose.key}:{day}:{lapse.answer.subject_id}"
    return outbox.post(RENEWAL, to=lapse.answer.subject_id, facts=facts, once=once) is not None


def tell_of_wider_notices(now: datetime | None = None) -> int:
    """Write to those whose answer a new notice asks for anew, once a version; a change of wording tells nobody."""
    now = now or timezone.now()
    told = 0
    for purpose in Purpose.objects.live():
        notice = NoticeVersion.objects.in_force(purpose.key)
        if notice and notice.valid_from > now - NEWS:
            told += _tell(purpose, notice)
    return told


def _tell(purpose: Purpose, notice: NoticeVersion) -> int:
    mark = terms.digest(notice.terms) if notice.terms else notice.sha256
    mailed = Mail.objects.filter(subject_id=OuterRef("subject_id"), template=WIDENED, facts__mark=mark)
    asked = _latest(purpose.key).filter(_narrower(purpose, notice)).exclude(Exists(mailed))
    told = 0
    for subject_id in asked.values_list("subject_id", flat=True).iterator(chunk_size=500):
        if _is_asked(subject_id, purpose):
            facts = {"purpose": purpose.key, "title": purpose.title, "mark": mark}
            once = f"{WIDENED}:{purpose.key}:{mark[:32]}:{subject_id}"
            told += outbox.post(WIDENED, to=subject_id, facts=facts, once=once) is not None
    return told


def _narrower(purpose: Purpose, notice: NoticeVersion) -> Q:
    """Return the answers to texts that this one asks for more than."""
    found = Q(pk__in=[])
    for each in NoticeVersion.objects.filter(notice__purpose=purpose.key):
        if terms.widened(each.compared, notice.compared):
            found |= Q(notice_sha256=each.sha256, notice_version=each.version)
    return found
