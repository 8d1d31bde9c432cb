"""Deletes what is over of one person: new keys and a fence first, the old key last, then a look at what is there.

A worker may be killed anywhere: until the fence stands nothing has happened, and from then on every step may run again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext as _

from consent import ageing, gate, ledger
from consent.models import Gate
from consent.values import Closed, Scope
from portal.events import expiring, keeping
from portal.events.keeping import Periods, Said
from portal.events.sealing import Overtaken
from portal.people.models import Employee
from portal.rights import erasure, runner
from portal.rights.models import Bundle
from portal.rights.retention import planning
from portal.rights.retention.models import Month, Run
from portal.rights.retention.planning import Plan
from portal.rights.values import Fenced, StepFailed, Wait
from portal.vault import keys

CHUNK_SECONDS = 20.0
TURN_SECONDS = 15
FIRST_PAUSE_SECONDS = 5
LONGEST_PAUSE_SECONDS = 3600
log = logging.getLogger(__name__)


class _MoreStays(Exception):
    """Something has to stay that did not when the work was planned."""


def advance(subject_id: UUID, said: Said | None = None) -> bool:
    """Do what is due of a person, or go on with it; return whether more is left to do at once."""
    employee = Employee.objects.filter(pk=subject_id).first()
    if employee is None:
        return False
    run = Run.objects.claim(subject_id, keeping.today(employee), settings.REQUEST_LEASE_SECONDS)
    if run is None:
        return False
    with _Attempt(run) as attempt:
        attempt.more = _go_on(run, employee, said)
    return attempt.more


def finish(subject_ids: Iterable[UUID]) -> None:
    """Do all that is due of these people."""
    said = Said.read()
    for subject_id in subject_ids:
        while advance(subject_id, said):
            pass


def _go_on(run: Run, employee: Employee, said: Said | None) -> bool:
    # Keys and rows of a restored database may be of two times: nothing is worked at until they agree again.
    if reason := ledger.closed():
        raise Closed(reason)
    periods = keeping.of(employee, said)
    if _is_begun(run):
        return _carry_out(run, periods, Plan.from_json(run.kept["plan"]))
    Run.objects.held(run).update(wanted=False, state=Run.State.IDLE)
    plan = planning.make(employee, periods, planning.done_from_json(run.kept["done"]))
    if not plan.due:
        _settle(run, plan)
        return False
    _begin(run, planning.fences(employee, periods, plan), plan)
    return _carry_out(run, periods, plan)


def _is_begun(run: Run) -> bool:
    """Return whether its keys are those of now: a restored row may tell of a run that has long ended."""
    return Run.objects.switching(Gate.objects.filter(pk=run.pk).first() or Gate(pk=run.pk)).exists()


def _settle(run: Run, plan: Plan) -> None:
    """Write down that a day was gone through."""
    before = planning.done_from_json(run.kept["done"])
    changed = {} if plan.done.items() <= before.items() else {"sealed": run.seal(_kept(before, plan))}
    run.let_go(finished_on=plan.on, **changed)


def _kept(before: planning.Done, plan: Plan) -> dict[str, Any]:
    return {"done": planning.done_to_json({**before, **plan.done}), "plan": None}


def _begin(run: Run, scopes: Sequence[Scope], plan: Plan) -> None:
    """Make the new keys, then put up the fences and switch in one commit; one deletion of a person at a time."""
    old = _turn(Gate.objects.get(pk=run.pk))
    new = keys.begin_epoch(run.pk, old, plan.due.touched)
    with transaction.atomic():
        # The gate's row before any other: so does whoever chooses a shorter period meanwhile.
        if _turn(gate.hold_exclusive(run.pk)) != old:
            raise Wait(0)
        _switch(run, scopes, plan, old, new)
    run.refresh_from_db()


def _switch(run: Run, scopes: Sequence[Scope], plan: Plan, old: int, new: int) -> None:
    with run.fenced():
        ageing.fence_off(subject_id=run.pk, scopes=scopes, key_epoch=new)
        sealed = run.seal({"done": run.kept["done"], "plan": plan.to_json()})
        changed = {"state": Run.State.RUNNING, "old_epoch": old, "new_epoch": new, "sealed": sealed}
        Run.objects.held(run).update(**changed)
        # What is added to a copy that is being made is sealed under the new key as well.
        Bundle.objects.filter(subject_id=run.pk, epoch=old).update(epoch=new)


def _turn(row: Gate) -> int:
    if erasure.under_way(row):
        raise Wait(TURN_SECONDS)
    return row.key_epoch


def _carry_out(run: Run, periods: Periods, plan: Plan) -> bool:
    try:
        if not _take_out(run, periods, plan):
            run.let_go()
            return True
    except _MoreStays:
        plan = plan.holding(planning.what_stays(run.pk))
        run.let_go(sealed=run.seal({"done": run.kept["done"], "plan": plan.to_json()}))
        return True
    except Overtaken as error:
        raise Wait(1) from error
    _destroy(run, plan)
    _record(run, plan)
    return run.wanted


def _take_out(run: Run, periods: Periods, plan: Plan) -> bool:
    epoch, ends = run.new_epoch or 0, time.monotonic() + CHUNK_SECONDS

    def ask() -> None:
        if set(planning.what_stays(run.pk)) - set(plan.held):
            raise _MoreStays

    def going_on() -> bool:
        return time.monotonic() < ends

    run.extend()
    me, due = run.pk, plan.due
    if not expiring.take_out(me, due, periods, plan.on, epoch, plan.held, ask, going_on):
        return False
    expiring.settle_counts(me, due, periods, plan.on, epoch)
    return True


def _destroy(run: Run, plan: Plan) -> None:
    """Carry the keys of what stays over, destroy the old data key, and see that nothing is left of what had to go."""
    old, new = run.old_epoch or 0, run.new_epoch or 0
    run.extend()
    keys.carry_over(run.pk, old, new, plan.due.touched)
    with run.fenced():
        keys.destroy_epoch(run.pk, old)
    if old in keys.epochs(run.pk):
        raise StepFailed(_("The old key is still there."))
    if expiring.left(run.pk, plan.due, new, plan.held):
        raise StepFailed(_("Something is still there whose time is over."))


def _record(run: Run, plan: Plan) -> None:
    """Write down what went, which only the person reads; the keys wait for everybody's to be renewed."""
    went = expiring.went(run.pk, plan.due)
    before = planning.done_from_json(run.kept["done"])
    told = {
        "on": plan.on.isoformat(),
        "at": timezone.now().isoformat(timespec="seconds"),
        "went": dict(went),
        "days": [over.day.isoformat() for over in plan.due.days],
        "held": bool(plan.held),
        "key": run.old_epoch,
    }
    with run.fenced():
        Month.add(run.pk, told)
        run.let_go(
            state=Run.State.IDLE,
            finished_on=plan.on,
            waiting_since=Now(),
            sealed=run.seal(_kept(before, plan)),
        )
    run.refresh_from_db()


class _Attempt:
    """Records how an attempt ended that did not record itself; nobody's failure stops it for good."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.more = False

    def __enter__(self) -> _Attempt:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, Wait | Closed):
            seconds = error.seconds if isinstance(error, Wait) else runner.CLOSED_SECONDS
            self.run.let_go(wake_at=_later(seconds), **self._still())
        elif isinstance(error, Exception) and not isinstance(error, Fenced):
            self._failed(error)
        return isinstance(error, (Wait, Closed, Fenced, *runner.KNOWN))

    def _failed(self, error: Exception) -> None:
        log.warning("retention of %s: attempt %s failed: %s", self.run.pk, self.run.attempt, type(error).__name__)
        seconds = min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 4 ** min(self.run.failures, 8))
        reason = runner.readable(error)[:200]
        self.run.let_go(wake_at=_later(seconds), failures=self.run.failures, reason=reason, **self._still())

    def _still(self) -> dict[str, bool]:
        """Return that somebody still wants it done at once, if nothing of it has begun."""
        return {"wanted": True} if self.run.wanted else {}


def _later(seconds: float) -> Any:
    return Now() + timedelta(seconds=seconds)
