"""What follows by itself from somebody leaving, coming back, and the day on which an account ends."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.audit import trail
from portal.audit.values import SYSTEM, Action
from portal.people import actions as people
from portal.people.models import Employee
from portal.rights import holding, kept, plans
from portal.rights.leaving import actions
from portal.rights.leaving.models import AccessCode, Channel, Departure, Keepsake
from portal.rights.leaving.values import account_ends_once_known
from portal.rights.models import StepRun, SubjectRequest
from portal.rights.opening import act
from portal.rights.values import OpenedBy, State

BATCH = 200
LEFT = Exists(Departure.objects.filter(pk=OuterRef("pk")))


def sweep() -> list[UUID]:
    """Do all that is due; safe to run at any time, from anywhere. Return the erasures that were opened."""
    for employee in Employee.objects.active().filter(leaves_on__lt=timezone.localdate())[:BATCH]:
        people.deactivate(employee=employee, by=SYSTEM)
    for employee in Employee.objects.filter(~LEFT, is_active=False)[:BATCH]:
        depart(employee)
    for employee in Employee.objects.active().filter(LEFT)[:BATCH]:
        come_back(employee)
    _forget_codes()
    return _end_accounts()


@transaction.atomic
def depart(employee: Employee) -> Departure:
    """Set the day on which the account ends, and have a code sent if the person chose where; safe to repeat."""
    today = timezone.localdate()
    left_on = min(employee.leaves_on or today, today)
    days = {"left_on": left_on, "erase_on": account_ends_once_known(left_on, today)}
    departure, is_new = Departure.objects.get_or_create(pk=employee.pk, defaults=days)
    if is_new:
        facts = {"left_on": left_on.isoformat(), "erase_on": departure.erase_on.isoformat()}
        trail.record(Action.LEAVING_SCHEDULED, actor=SYSTEM, subject_id=employee.pk, facts=facts)
    if is_new and Channel.objects.filter(pk=employee.pk).exists():
        actions.want_code(departure)
    return departure


@transaction.atomic
def come_back(employee: Employee) -> None:
    """Undo it for somebody who is employed again: no code opens anything, and the account stays."""
    Departure.objects.filter(pk=employee.pk).delete()
    AccessCode.objects.for_subject(employee.pk).delete()
    open_ones = SubjectRequest.objects.select_for_update(of=("self",)).for_subject(employee.pk).open()
    for request in open_ones.filter(account=True):
        _stay(request)


def _stay(request: SubjectRequest) -> None:
    """Take the erasure of an account back; one that has begun ends as a deletion of the data: some of it is gone."""
    # The newer token keeps a worker that is at it from writing anything more.
    said: dict[str, Any] = {"account": False, "attempt": F("attempt") + 1, "lease_until": None, "wake_at": None}
    if not request.lead.is_begun:
        reason = _("The person is employed again.")
        said = said | {"account": True, "state": State.WITHDRAWN, "reason": reason, "closed_at": timezone.now()}
        act(Action.REQUEST_CANCELLED, request, SYSTEM)
        holding.let_go(request)
    SubjectRequest.objects.filter(pk=request.pk).update(**said)
    request.refresh_from_db()
    if request.is_open and request.joined_to is None:
        _plan_without_account(request)
    # A restore must not take up again what stood before.
    kept.keep(request)


def _plan_without_account(request: SubjectRequest) -> None:
    """Give a request whose fence stands the steps of a deletion of data, each where it was; none of the account."""
    names = plans.names_for(request)
    request.steps.exclude(name__in=names).delete()
    for position, name in enumerate(names):
        StepRun.objects.update_or_create(request=request, name=name, defaults={"position": position})


def _end_accounts() -> list[UUID]:
    """Open the erasures whose day has come; one that is open or done already stands for it.

    Of whom something may only be stored, nothing goes by itself until that ends.
    """
    asked = SubjectRequest.objects.filter(subject_id=OuterRef("pk"), account=True).exclude(
        state__in=(State.WITHDRAWN, State.REFUSED)
    )
    over = set(Departure.objects.over().filter(~Exists(asked)).values_list("pk", flat=True))
    spared = holding.spared(over)
    # Its code opens meanwhile what there is.
    actions.keep_codes(spared)
    due = sorted(over - spared)[:BATCH]
    return [actions.end_account(subject_id=pk, by=SYSTEM, opened_by=OpenedBy.SYSTEM).pk for pk in due]


def _forget_codes() -> None:
    """Remove codes and what was kept under them once their time is over."""
    over = {"ends_on__lte": timezone.localdate()}
    Keepsake.objects.filter(**over).delete()
    AccessCode.objects.filter(**over).delete()
