"""Does a request chunk by chunk: claim, one step, record, let go. It alone knows attempts and failures."""

from __future__ import annotations

import errno
import logging
import time
from types import TracebackType
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection
from django.utils.translation import gettext as _

from consent.values import Closed
from portal.rights import leases, plans, progress
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
OTHERS = "SELECT FROM rights_steprun WHERE request_id = %s AND id <> %s AND state <> 'done' LIMIT 1"
log = logging.getLogger(__name__)


def advance(request_id: UUID | str) -> bool:
    """Do one chunk of the next step; return whether more is left to do at once."""
    return _turn(request_id, until=time.monotonic())


def go_on(request_id: UUID | str) -> bool:
    """Do chunks for some seconds, so that short requests need no queue between steps; return whether more is left."""
    return _turn(request_id, until=time.monotonic() + TURN_SECONDS)


def finish_all(request_id: UUID | str) -> None:
    """Go on until there is nothing to do at once: for the command, and where no broker runs."""
    while go_on(request_id):
        pass


def _turn(request_id: UUID | str, until: float) -> bool:
    """Do one chunk after the other under one token, each with the row as it then is, until the time is over."""
    request = leases.claim(request_id, settings.REQUEST_LEASE_SECONDS)
    if request is None:
        return False
    more = True
    while more and request.lease_until is not None:
        if request.failures > MOST_ATTEMPTS:
            progress.give_up(request, request.reason or _("It stopped %(n)s times.") % {"n": MOST_ATTEMPTS})
            return False
        with _Attempt(request) as attempt:
            attempt.more = _chunk(request, until)
        more = attempt.more
    return more


def _chunk(request: SubjectRequest, until: float) -> bool:
    run = next((each for each in request.runs if each.state != StepState.DONE), None)
    if run is None:
        return _finish(request)
    # Keys and rows of a restored database may be of two times: nothing is worked at until they agree again.
    if request.closed_reason:
        raise Closed(request.closed_reason)
    step = plans.step(request.plan_name, run.name)
    return record(request, run, step(request, run.cursor), until)


def record(request: SubjectRequest, run: StepRun, cursor: Cursor | None, until: float = 0.0) -> bool:
    """Write how far the step is, and let go of the row if the time is over; return whether more is left.

    Raises Fenced if somebody else has taken over.
    """
    left = cursor is not None or any(each.state != StepState.DONE for each in request.runs if each.pk != run.pk)
    if not left and not _others_left(request, run):
        return _finish(request, run)
    # A step of an earlier release may have begun another one anew: the next turn reads them again.
    stays = left and time.monotonic() < until
    leases.record(request, run, cursor, settings.REQUEST_LEASE_SECONDS if stays else None)
    return True


def _others_left(request: SubjectRequest, run: StepRun) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(OTHERS, [request.pk, run.pk])
        return cursor.fetchone() is not None


def _finish(request: SubjectRequest, last: StepRun | None = None) -> bool:
    with request.fenced():
        if last is not None:
            leases.done(request, last.name)
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
