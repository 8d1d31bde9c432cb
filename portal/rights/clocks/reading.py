"""What the pages say of a request's time: the dates, what moved them, and what is asked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from portal.outbox.models import Mail
from portal.rights.clocks.models import Clarification, MoreTime
from portal.rights.clocks.reckoning import closed_on, confirmed_by, stops, today_of, why_not_extend
from portal.rights.clocks.values import REMINDED
from portal.rights.deadlines import Due
from portal.rights.models import SubjectRequest
from portal.rights.values import OpenedBy, State

RECEIVED = "request_received"


@dataclass(frozen=True)
class Clock:
    """The dates of a request, as both its person and its handlers read them."""

    due: date
    explanation: str
    target: date
    left: int
    open: bool
    refusal_by: date | None
    confirm: Due | None
    confirmed: datetime | None
    more_time: MoreTime | None
    question: Clarification | None
    answered: list[Clarification]
    would_stop: bool
    can_extend: bool
    late_by: int

    @property
    def overdue(self) -> bool:
        return self.open and self.left < 0

    @property
    def soon(self) -> bool:
        return self.open and 0 <= self.left <= max(REMINDED)

    @property
    def stands_still(self) -> bool:
        return bool(self.question and self.question.stops)

    @property
    def says(self) -> str:
        """Say how long is left, or for how long it is or was late."""
        if self.late_by:
            return ngettext("%(n)d day late", "%(n)d days late", self.late_by) % {"n": self.late_by}
        if not self.open:
            return ""
        if self.left < 0:
            return ngettext("overdue by %(n)d day", "overdue by %(n)d days", -self.left) % {"n": -self.left}
        if self.left == 0:
            return _("due today")
        return ngettext("%(n)d day left", "%(n)d days left", self.left) % {"n": self.left}


def clock(request: SubjectRequest) -> Clock:
    asked = list(Clarification.objects.filter(request=request).select_related("request"))
    refusal_by = request.first_due if request.due != request.first_due else None
    return Clock(
        due=request.due,
        explanation=request.explanation,
        target=request.target,
        left=(request.due - today_of(request)).days,
        open=request.is_open,
        refusal_by=refusal_by,
        confirm=confirmed_by(request),
        confirmed=confirmed_on(request),
        more_time=MoreTime.objects.filter(request=request).first(),
        question=next((each for each in asked if each.ended_at is None), None),
        answered=[each for each in asked if each.sealed_answer is not None],
        would_stop=stops(request),
        can_extend=not why_not_extend(request),
        late_by=_late_by(request, refusal_by),
    )


def _late_by(request: SubjectRequest, refusal_by: date | None) -> int:
    """Return by how many days an answer came after its date; more time is no more time to refuse."""
    closed = closed_on(request)
    if closed is None or request.state == State.WITHDRAWN:
        return 0
    by = refusal_by if refusal_by and request.state == State.REFUSED else request.due
    return max(0, (closed - by).days)


def confirmed_on(request: SubjectRequest) -> datetime | None:
    """Return when the person was told that it is here: at once on the page where they asked, else by mail."""
    if request.opened_by == OpenedBy.SELF:
        return request.opened_at
    return Mail.objects.filter(once=once(request)).values_list("posted_at", flat=True).first()


def once(request: SubjectRequest) -> str:
    return f"{RECEIVED}:{request.pk}"
