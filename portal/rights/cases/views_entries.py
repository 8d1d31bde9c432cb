"""What is written into a case, from both sides, and the files."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from portal.people.guards import actor_of
from portal.rights import handling, pages, tasks
from portal.rights.cases import actions, forms, thread
from portal.rights.cases.models import Entry, File
from portal.rights.cases.uploads import is_too_long, takes_files
from portal.rights.cases.values import EntryKind
from portal.rights.cases.views import page
from portal.rights.guards import own_case, own_request
from portal.rights.models import SubjectRequest
from portal.rights.values import NotAllowed
from portal.vault.objects import Missing

Write = Callable[..., Entry]


@takes_files
@require_POST
@own_case
def note(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    form = forms.NoteForm(request.POST, request.FILES, too_long=is_too_long(request), auto_id="note_%s")
    if form.is_valid() and _written(request, found, form, actions.note, _("The note is kept.")):
        return redirect("case", pk=found.pk)
    return page(request, found, note_form=form)


@takes_files
@require_POST
@own_case
def message(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    form = forms.MessageForm(request.POST, request.FILES, too_long=is_too_long(request), auto_id="message_%s")
    if form.is_valid() and _written(request, found, form, actions.tell, _("Sent. The person gets a mail.")):
        return redirect("case", pk=found.pk)
    return page(request, found, message_form=form)


@takes_files
@require_POST
@own_request
def answer(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    """Take the person's own message."""
    form = forms.AnswerForm(request.POST, request.FILES, too_long=is_too_long(request))
    if form.is_valid() and _written(request, found, form, actions.answer, _("Your message was sent.")):
        return redirect("request", pk=found.pk)
    shown = pages.one(found) | thread.for_person(found) | {"answer_form": form}
    return render(request, "rights/request.html", shown, status=422)


def _written(request: HttpRequest, found: SubjectRequest, form: forms.WriteForm, write: Write, says: str) -> bool:
    """Call the action; what it does not allow stands beside the field."""
    by = actor_of(request, about=found.subject_id)
    try:
        write(request=found, text=form.cleaned_data["text"], by=by, files=form.uploads())
    except NotAllowed as error:
        form.add_error("file" if error.code.startswith("file.") else "text", error.detail)
        return False
    messages.success(request, says)
    return True


@require_safe
@own_case
def case_file(request: HttpRequest, found: SubjectRequest, file_pk: UUID) -> HttpResponse:
    return _sent(request, found, get_object_or_404(File.objects.of(found), pk=file_pk))


@require_safe
@own_request
def request_file(request: HttpRequest, found: SubjectRequest, file_pk: UUID) -> HttpResponse:
    """Send the person what was attached to a message; what is beside a note is in their copy."""
    theirs = File.objects.of(found).exclude(entry__kind=EntryKind.NOTE)
    return _sent(request, found, get_object_or_404(theirs, pk=file_pk))


def _sent(request: HttpRequest, found: SubjectRequest, file: File) -> HttpResponse:
    """Write down that it is opened, then send it to be saved, never to be shown by the browser."""
    try:
        content = actions.read(file=file, request=found, by=actor_of(request, about=found.subject_id))
    except (*thread.GONE, Missing, OSError):
        messages.error(request, _("This file can no longer be opened."))
        return redirect("case" if request.user.pk != found.subject_id else "request", pk=found.pk)
    return attached(content, file)


def attached(content: bytes, file: File) -> HttpResponse:
    stem = file.name.rpartition(".")[0] or file.name or "file"
    answer = HttpResponse(content, content_type=file.type.media)
    answer["Content-Disposition"] = content_disposition_header(True, f"{stem}.{file.type.ending}") or "attachment"
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Cache-Control"] = "no-store"
    return answer


@require_POST
@own_request
def again(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    """Try again what could not go on; whoever waits for it may do so too."""
    try:
        handling.retry(request=found, by=actor_of(request, about=found.subject_id))
        messages.success(request, _("It is tried again."))
    except NotAllowed as error:
        messages.error(request, error.detail)
    tasks.nudge(found.lead.pk)
    return redirect("request", pk=found.pk)
