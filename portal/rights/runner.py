"""Does one chunk of a request: claim, one step, record, let go. It alone knows attempts, leases and failures."""

from __future__ import annotations

import errno
import logging
import time
from types import TracebackType
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError
from django.utils.translation import gettext as _

from consent import ledger
from consent.values import Closed
from portal.rights import plans, progress
from portal.rights.models import StepRun, SubjectRequest
from portal.rights.values import Cursor, Fenced, Held, NeedsSomebody, StepFailed, StepState, Wait
from portal.vault.cipher import Damaged, WrongKey
from portal.vault.kek import UnknownKek
from portal.vault.keys import KeyGone
from portal.vault.objects import Missing

MOST_ATTEMPTS = 5
FIRST_PAUSE_SECONDS = 2
CLOSED_SECONDS = 30
# So long a worker stays with a request before others have their turn.
TURN_SECONDS = 5.0
# What may pass by itself; anything else is a mistake of ours, which is recorded and raised.
KNOWN = (OSError, DatabaseError, StepFailed, Damaged, WrongKey, UnknownKek, KeyGone, Missing)
log = logging.getLogger(__name__)


def advance(request_id: UUID | str) -> bool:
    """Do one chunk of the next step; return whether more is left to do at once."""
    token = SubjectRequest.objects.claim(request_id, settings.REQUEST_LEASE_SECONDS)
    if token is None:
        return False
    request = SubjectRequest.objects.get(pk=request_id)
    if request.attempt != token:
        return False
    if request.failures > MOST_ATTEMPTS:
        progress.give_up(request, request.reason or _("It stopped %(n)s times.") % {"n": MOST_ATTEMPTS})
        return False
    with _Attempt(request) as attempt:
        attempt.more = _chunk(request)
    return attempt.more


def go_on(request_id: UUID | str) -> bool:
    """Do chunks for some seconds, so that short requests need no queue between steps; return whether more is left."""
    ends = time.monotonic() + TURN_SECONDS
    while advance(request_id):
        if time.monotonic() > ends:
            return True
    return False


def finish_all(request_id: UUID | str) -> None:
    """Go on until there is nothing to do at once: for the command, and where no broker runs."""
    while advance(request_id):
        pass


def _chunk(request: SubjectRequest) -> bool:
    run = request.current_step
    if run is None:
        progress.finish(request)
        return False
    # Keys and rows of a restored database may be of two times: nothing is worked at until they agree again.
    if reason := ledger.closed():
        raise Closed(reason)
    step = plans.step(request.plan_name, run.name)
    return record(request, run, step(request, run.cursor))


def record(request: SubjectRequest, run: StepRun, cursor: Cursor | None) -> bool:
    """Write how far the step is and let go of the row; raises Fenced if somebody else has taken over."""
    with request.fenced():
        SubjectRequest.objects.held(request).update(lease_until=None, wake_at=None, failures=0, reason="")
        steps = StepRun.objects.filter(pk=run.pk)
        if cursor is not None:
            done, total = cursor.get("done", run.done), cursor.get("total", run.total)
            return bool(steps.update(state=StepState.RUNNING, cursor=cursor, done=done, total=total))
        steps.update(state=StepState.DONE, done=max(run.total, 1), total=max(run.total, 1))
        if request.steps.exclude(state=StepState.DONE).exists():
            return True
        progress.finish(request)
        return False


class _Attempt:
    """Records how an attempt ended that did not record itself."""

    def __init__(self, request: SubjectRequest) -> None:
        self.request = request
        self.more = False

    def __enter__(self) -> _Attempt:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, Held):
            progress.stop_for_hold(self.request, str(error), error.ground)
        elif isinstance(error, Wait | Closed):
            # A closed site is mended by people; until then nothing is lost and nothing counts as failed.
            progress.wait(self.request, error.seconds if isinstance(error, Wait) else CLOSED_SECONDS)
        elif isinstance(error, Exception) and not isinstance(error, Fenced):
            self._failed(error)
        return isinstance(error, (Wait, Held, Closed, Fenced, *KNOWN))

    def _failed(self, error: Exception) -> None:
        reason = readable(error)
        log.warning("request %s: attempt %s failed: %s", self.request.pk, self.request.attempt, reason)
        if self.request.failures >= MOST_ATTEMPTS or isinstance(error, NeedsSomebody):
            progress.give_up(self.request, reason)
        else:
            progress.try_later(self.request, FIRST_PAUSE_SECONDS * 2**self.request.failures, reason)


def readable(error: Exception) -> str:
    """Say what went wrong in words that hold nothing of the data."""
    if isinstance(error, StepFailed):
        return str(error)
    if isinstance(error, Missing | KeyGone | UnknownKek | Damaged | WrongKey):
        return _("Something that was stored could not be opened.")
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return _("There is no space left where copies are kept.")
    if isinstance(error, OSError):
        return _("The store of sealed objects could not be reached or written.")
    if isinstance(error, DatabaseError):
        return _("The database did not answer.")
    return _("Something unexpected happened (%(name)s).") % {"name": type(error).__name__}
