"""Which date a request has now: days of waiting that do not count, and who asks being known only later."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils import timezone

from portal.people.models import Employee
from portal.people.subjects import find
from portal.planned import planned
from portal.rights import deadlines
from portal.rights.clocks.models import Clarification, MoreTime
from portal.rights.clocks.values import Question
from portal.rights.deadlines import Calendar, Due, Identity, Rule
from portal.rights.models import SubjectRequest
from portal.rights.opening import set_deadline
from portal.rights.values import OpenedBy, State

OPEN_QUESTION = "SELECT 1 FROM clocks_clarification WHERE request_id = %s AND ended_at IS NULL"
WAITS = (State.RECEIVED, State.ACKNOWLEDGED, State.IN_REVIEW, State.EXTENDED)


def rule_of(request: SubjectRequest) -> tuple[Rule, Calendar]:
    person = find(request.subject_id)
    return deadlines.rule_for(person.jurisdiction if person else "", request.kind)


def stops(request: SubjectRequest) -> bool:
    """Return whether a question asked now would stop the clock: never where the work goes on without an answer."""
    rule, _days_off = rule_of(request)
    return request.state in WAITS and rule.stops(identified=request.opened_by == OpenedBy.SELF)


def is_extended(request: SubjectRequest) -> bool:
    if MoreTime.objects.filter(request=request).exists():
        return True
    # The last release kept nothing but the later date.
    return request.due > request.first_due and not Clarification.objects.filter(request=request).exists()


def why_not_extend(request: SubjectRequest) -> str:
    """Return what stands against more time: it was taken, the first month is over, or the rule knows none.

    The first date is meant, that no question moves: whoever waits for an answer decides in time all the same.
    """
    if not request.is_open or is_extended(request):
        return "taken"
    if today_of(request) > request.first_due:
        return "late"
    return "" if rule_of(request)[0].can_be_extended else "none"


def recount(request: SubjectRequest) -> bool:
    """Find the date again and keep it; return whether it moved. A question still open counts up to today."""
    before = (request.due, request.stopped_days)
    since = _identified_on(request)
    request.stopped_days = len(_stopped(request, since))
    set_deadline(request, extended=is_extended(request), since=since, moves_first=False)
    request.save(update_fields=["due", "rule", "explanation", "calendar", "calendar_version", "stopped_days"])
    return (request.due, request.stopped_days) != before


def drop(request: SubjectRequest) -> None:
    """End an open question that a decision makes needless; its days until now stay out of the count."""
    if not planned("daylight_questions", ("uuid",), OPEN_QUESTION, [request.pk]):
        return
    if Clarification.objects.filter(request=request).open().update(ended_at=timezone.now()):
        recount(request)


def _stopped(request: SubjectRequest, since: date | None) -> set[date]:
    """Return the days from each asking to its answer, both included, however many questions a day saw."""
    found: set[date] = set()
    for each in Clarification.objects.filter(request=request).stopping():
        if not _restarts(request, each):
            first, last = _local(request, each.asked_at), _local(request, each.ended_at or timezone.now())
            found |= {first + timedelta(days=n) for n in range((last - first).days + 1)}
    return {day for day in found if since is None or day >= since}


def _identified_on(request: SubjectRequest) -> date | None:
    """UK (Art. 12A): the time runs from the day on which it was known who asks."""
    known = [
        _local(request, each.ended_at)
        for each in Clarification.objects.filter(request=request, ended_at__isnull=False).stopping()
        if _restarts(request, each) and each.sealed_answer is not None
    ]
    return max(known, default=None)


def _restarts(request: SubjectRequest, question: Clarification) -> bool:
    return question.code == Question.IDENTITY and rule_of(request)[0].identity == Identity.RESTARTS


def _local(request: SubjectRequest, at: datetime) -> date:
    return at.astimezone(_zone(find(request.subject_id))).date()


def _zone(person: Employee | None) -> ZoneInfo:
    return ZoneInfo(person.time_zone if person else "UTC")


def today_of(request: SubjectRequest) -> date:
    """Return the date where the person works, by which their date is over or not."""
    return _local(request, timezone.now())


def closed_on(request: SubjectRequest) -> date | None:
    """Return the date on which it was answered, where the person works."""
    return _local(request, request.closed_at) if request.closed_at and not request.is_open else None


def confirmed_by(request: SubjectRequest) -> Due | None:
    """Return by when the receipt has to be confirmed, where a rule asks for that (California)."""
    rule, days_off = rule_of(request)
    return deadlines.confirmation_for(rule, days_off, _local(request, request.received))
