"""What people do about other systems: look into one, say what was found; and taking back what was asked."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.audit.values import Action, Actor
from portal.register.models import Store
from portal.register.values import StoreKind
from portal.rights import bundle
from portal.rights.cases.values import LONGEST_TEXT, MOST_BYTES, Upload, type_of
from portal.rights.connectors import by_opendsr
from portal.rights.connectors.models import OVER, StoreTask
from portal.rights.connectors.values import ANSWERED, FIRST_WAIT_SECONDS, FOLDER, NoAnswer, TaskState
from portal.rights.handling import must_handle
from portal.rights.models import SubjectRequest
from portal.rights.opening import act, actor_key
from portal.rights.values import Fenced, NotAllowed, State

TURNS = 5


def can_answer(task: StoreTask) -> bool:
    """Whether somebody may answer for it: what is looked into by hand, and what a program failed to ask."""
    if task.is_settled or task.request.state not in {State.PROCESSING, State.NEEDS_ATTENTION}:
        return False
    return task.kind == StoreKind.MANUAL or task.state == TaskState.FAILED


def answer(*, task: StoreTask, outcome: str, by: Actor, note: str = "", uploads: Sequence[Upload] = ()) -> StoreTask:
    """Say that a system is done or had nothing, with one's name and the time; what was found goes into the copy."""
    request = task.request
    must_handle(request, by)
    if outcome not in ANSWERED or not can_answer(task):
        raise NotAllowed("store.answered", _("There is nothing to answer for this system any more."))
    if len(note) > LONGEST_TEXT:
        raise NotAllowed("text.length", _("Write at most %(n)d characters.") % {"n": LONGEST_TEXT})
    _check_uploads(request, outcome, uploads)
    for number, upload in enumerate(uploads, start=1):
        _put(request, f"{FOLDER}/{task.store_key}/found-{number}.{_ending(upload)}", upload.content)
    with transaction.atomic():
        found = StoreTask.objects.select_for_update().get(pk=task.pk)
        if found.is_settled:
            raise NotAllowed("store.answered", _("There is nothing to answer for this system any more."))
        _settle(found, outcome, by, note.strip())
    return found


def _settle(task: StoreTask, outcome: str, by: Actor, note: str) -> None:
    now = timezone.now()
    task.state, task.reason, task.wake_at = outcome, "", None
    task.asked_at, task.answered_at, task.answered_by = task.asked_at or now, now, actor_key(by)
    if note:
        task.seal_note(note)
    task.save()
    act(Action.STORE_ANSWERED, task.request, by, store=task.store_key, answer=outcome)
    wake(task.request)


def _check_uploads(request: SubjectRequest, outcome: str, uploads: Sequence[Upload]) -> None:
    if uploads and (not request.is_copy or outcome != TaskState.DONE):
        raise NotAllowed("file.needless", _("Files are attached only to what was found for a copy."))
    if request.is_copy and outcome == TaskState.DONE and not uploads:
        raise NotAllowed("file.missing", _("Attach what was found, or say that nothing was."))
    if any(len(upload.content) > MOST_BYTES for upload in uploads):
        raise NotAllowed("file.size", _("A file has at most %(n)d MB.") % {"n": MOST_BYTES // 2**20})
    for upload in uploads:
        _ending(upload)


def _ending(upload: Upload) -> str:
    found = type_of(upload.content)
    if found is None:
        raise NotAllowed("file.type", _("Attach a PDF, a PNG, JPEG or TIFF picture, or plain text."))
    return found.ending


def _put(request: SubjectRequest, path: str, content: bytes) -> None:
    """Seal a file into the copy; the worker may take its turn in between, so it is tried some times."""
    for _turn in range(TURNS):
        request.refresh_from_db()
        with suppress(Fenced):
            bundle.put_part(request, path, 0, content, 1)
            return
    raise NotAllowed("request.stuck", _("The request stands still. Let it go on first, then attach the files."))


def wake(request: SubjectRequest) -> None:
    """Let a worker look at once, where the request waits for nothing but other systems."""
    waits = request.steps.filter(name="await_stores").exists()
    if waits and request.not_before is None:
        SubjectRequest.objects.filter(pk=request.pk, state=State.PROCESSING).update(wake_at=None)


def heard_from(number: UUID) -> StoreTask | None:
    """Ask at once how a request stands of which another system said that something changed."""
    task = StoreTask.objects.unsettled().filter(number=number, kind=StoreKind.OPENDSR).select_related("request").first()
    if task:
        StoreTask.objects.filter(pk=task.pk).update(wake_at=None)
        wake(task.request)
    return task


def take_back_all() -> int:
    """Take back what was asked for requests that were cancelled or refused; return how many were looked at."""
    left = list(StoreTask.objects.left_behind().select_related("request")[:20])
    for task in left:
        _take_back(task)
    return len(left)


def _take_back(task: StoreTask) -> None:
    mine = StoreTask.objects.filter(pk=task.pk, request__state__in=OVER).unsettled()
    store = Store.objects.filter(pk=task.store_key).first()
    told = task.kind == StoreKind.OPENDSR and task.asked_at is not None
    try:
        reason = by_opendsr.take_back(task, store) if told and store else ""
    except NoAnswer as error:
        if task.failing < settings.STORE_TRIES:
            wait = FIRST_WAIT_SECONDS * 2 ** (task.failing + 1)
            later = timezone.now() + timedelta(seconds=wait)
            mine.update(failing=task.failing + 1, reason=str(error)[:400], wake_at=later)
            return
        reason = _("It could not be told that the request was taken back: %(reason)s") % {"reason": error}
    mine.update(state=TaskState.CANCELLED, wake_at=None, reason=str(reason)[:400])
