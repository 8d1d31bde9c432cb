"""What happens in a case besides deciding it: somebody takes it, notes, messages to and from the person, files."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from portal.audit import trail
from portal.audit.values import Action, Actor
from portal.outbox import actions as outbox
from portal.people.holders import holders
from portal.people.roles import ROLES, Role
from portal.people.subjects import find, line_of
from portal.rights.cases.models import Assignment, Entry, File
from portal.rights.cases.values import LONGEST_NAME, LONGEST_TEXT, MOST_BYTES, EntryKind, Upload, type_of
from portal.rights.handling import cannot_decide, must_handle
from portal.rights.models import SubjectRequest
from portal.rights.opening import act, actor_key
from portal.rights.values import NotAllowed

HANDLERS = tuple(Role(role) for role, may in ROLES.items() if "requests.handle" in may)
Uploads = Iterable[Upload]


# --- who has it


@transaction.atomic
def take(*, request: SubjectRequest, by: Actor) -> None:
    """Take a case over, from the queue or from a colleague."""
    must_handle(request, by)
    handler = find(UUID(by.id))
    if handler is None:
        raise cannot_decide("handler.not_permitted")
    Assignment.objects.update_or_create(request=request, defaults={"handler_id": handler.pk})
    act(Action.CASE_TAKEN, request, by)


@transaction.atomic
def let_go(*, request: SubjectRequest, by: Actor) -> None:
    """Give a case that one has taken back to the queue."""
    must_handle(request, by)
    mine = Assignment.objects.filter(request=request, handler_id=by.id)
    if not mine.delete()[0]:
        raise NotAllowed("case.not_yours", _("You have not taken this case."))
    act(Action.CASE_LET_GO, request, by)


# --- what is written


def note(*, request: SubjectRequest, text: str, by: Actor, files: Uploads = ()) -> Entry:
    """Write a note for those who handle the case; the person gets it with a copy of their data."""
    must_handle(request, by)
    return _write(EntryKind.NOTE, Action.NOTE_WRITTEN, request, text, by, files)


def tell(*, request: SubjectRequest, text: str, by: Actor, files: Uploads = ()) -> Entry:
    """Write to the person; they are told by a mail that says nothing but that there is a message."""
    must_handle(request, by)
    return _write(EntryKind.MESSAGE, Action.MESSAGE_SENT, request, text, by, files)


def answer(*, request: SubjectRequest, text: str, by: Actor, files: Uploads = ()) -> Entry:
    """Write to whoever handles the request, as the person whose it is."""
    if by.id != str(request.subject_id):
        raise NotAllowed("message.not_yours", _("Only the person whose request it is can write here."))
    return _write(EntryKind.ANSWER, Action.MESSAGE_ANSWERED, request, text, by, files)


def _write(kind: EntryKind, action: Action, request: SubjectRequest, text: str, by: Actor, uploads: Uploads) -> Entry:
    """Seal what was written and put the files where they lie; then, in one transaction, the rows that name them."""
    entry, files = prepared(kind, request, text, by, uploads)
    with transaction.atomic():
        save(entry, files)
        act(action, request, by, files=str(len(files)))
        notify(entry)
    return entry


def prepared(
    kind: EntryKind, request: SubjectRequest, text: str, by: Actor, uploads: Uploads
) -> tuple[Entry, list[File]]:
    """Return an entry and its files, sealed and put, and not yet saved; raises NotAllowed."""
    words = text.strip()
    if not words or len(words) > LONGEST_TEXT:
        raise NotAllowed("text.length", _("Write something, at most %(n)d characters.") % {"n": LONGEST_TEXT})
    entry = Entry(request=request, kind=kind, author_id=actor_key(by), author_role=by.role)
    entry.seal(request.subject_id, words)
    return entry, [put(File(entry=entry), upload) for upload in uploads]


def put(file: File, upload: Upload) -> File:
    """Store what was attached, if its content is of a kind that may be; raises NotAllowed."""
    if len(upload.content) > MOST_BYTES:
        raise NotAllowed("file.size", _("A file has at most %(n)d MB.") % {"n": MOST_BYTES // 2**20})
    found = type_of(upload.content)
    if found is None:
        raise NotAllowed("file.type", _("Attach a PDF, a PNG, JPEG or TIFF picture, or plain text."))
    file.media = found.media
    file.seal_name(upload.name[-LONGEST_NAME:])
    file.put(upload.content)
    return file


def save(entry: Entry, files: Iterable[File]) -> None:
    entry.save(force_insert=True)
    File.objects.bulk_create(files)


# --- telling the other side


def notify(entry: Entry) -> None:
    """Post a mail to the other side of a message; it holds the number of the request and nothing that was written."""
    request = entry.request
    facts = {"request": str(request.pk)}
    if entry.kind == EntryKind.MESSAGE:
        outbox.post("case_message", to=request.subject_id, facts=facts)
    if entry.kind == EntryKind.ANSWER:
        for handler in concerned(request):
            # Who answers in five short messages writes one mail an hour.
            once = trail.hourly("case_answer", request.pk, handler)
            outbox.post("case_answer", to=handler, facts=facts, once=once)


def concerned(request: SubjectRequest) -> list[UUID]:
    """Return who has the case, or else everybody who may take it."""
    taken = Assignment.objects.filter(request=request).values_list("handler_id", flat=True)
    if taken:
        return list(taken)
    kept_out = line_of(request.subject_id) | {request.subject_id}
    return [each for each in holders(*HANDLERS) if each not in kept_out]


# --- files


def read(*, file: File, request: SubjectRequest, by: Actor) -> bytes:
    """Write down that somebody opens a file, then return its content."""
    act(Action.FILE_READ, request, by, file=str(file.pk))
    return file.content
