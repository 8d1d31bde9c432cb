"""What was written in a case, as each side reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from portal.rights.cases import forms
from portal.rights.cases.exporting import author
from portal.rights.cases.models import Entry
from portal.rights.cases.values import EntryKind
from portal.rights.models import SubjectRequest
from portal.vault.cipher import Damaged, WrongKey
from portal.vault.keys import KeyGone

GONE = (KeyGone, Damaged, WrongKey)


@dataclass(frozen=True)
class Attached:
    """A file as a link."""

    href: str
    name: str


@dataclass(frozen=True)
class Said:
    """Something written, as shown."""

    by: str
    kind: str
    wrote: str
    text: str
    at: datetime
    files: list[Attached]


def for_person(request: SubjectRequest) -> dict[str, Any]:
    """Return the messages of a request and the form to answer, for the person's page."""
    entries = Entry.objects.of(request).between_us()
    return {"said": _said(entries, "request-file", own=True), "answer_form": forms.AnswerForm()}


def for_staff(request: SubjectRequest) -> dict[str, Any]:
    said = _said(Entry.objects.of(request), "case-file", own=False)
    return {
        "said": [each for each in said if each.kind != EntryKind.NOTE],
        "notes": [each for each in said if each.kind == EntryKind.NOTE],
    }


def _said(entries: Any, route: str, *, own: bool) -> list[Said]:
    found = entries.select_related("request").prefetch_related("files__entry__request")
    return [
        Said(
            by=_by(each, own=own),
            kind=each.kind,
            wrote=_wrote(each, own=own),
            text=_text(each),
            at=each.at,
            files=[Attached(reverse(route, args=[each.request_id, file.pk]), file.name) for file in each.files.all()],
        )
        for each in found
    ]


def _by(entry: Entry, *, own: bool) -> str:
    if entry.kind == EntryKind.ANSWER:
        return _("You") if own else _("The person")
    return author(entry)


def _wrote(entry: Entry, *, own: bool) -> str:
    if entry.kind == EntryKind.NOTE:
        return _("noted")
    if entry.kind == EntryKind.ANSWER:
        return _("wrote")
    return _("wrote to you") if own else _("wrote to the person")


def _text(entry: Entry) -> str:
    try:
        return entry.text
    except GONE:
        return _("This can no longer be opened: its key is gone.")
