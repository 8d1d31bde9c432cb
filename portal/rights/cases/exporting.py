"""What a person's copy holds of their cases: notes and messages in words, how requests came in, and the files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from portal.audit.words import ROLES
from portal.rights.cases.models import Entry, File, Intake
from portal.rights.cases.values import EntryKind

Row = dict[str, Any]


def rows(subject_id: UUID) -> list[Row]:
    """Return everything that was written in this person's cases, oldest first; colleagues stand as what they are."""
    entries = Entry.objects.for_subject(subject_id).select_related("request").prefetch_related("files__entry__request")
    return [
        {
            "request": str(each.request_id),
            "at": each.at.isoformat(),
            "kind": str(each.get_kind_display()),
            "by": author(each),
            "text": each.text,
            "files": [path_of(file) for file in each.files.all()],
        }
        for each in entries
    ]


def recorded(subject_id: UUID) -> QuerySet[Intake]:
    return Intake.objects.filter(request__subject_id=subject_id)


def intakes(subject_id: UUID) -> list[Row]:
    """Return how requests came in that somebody else recorded, and how it was made sure who asked."""
    return [
        {
            "request": str(each.request_id),
            "received": each.received.isoformat(),
            "recorded": each.recorded_at.isoformat(),
            "channel": str(each.get_channel_display()),
            "identity": str(each.get_identity_display()),
            "delivery": str(each.get_delivery_display()),
        }
        for each in recorded(subject_id).order_by("received")
    ]


def files(subject_id: UUID) -> Iterator[tuple[str, bytes]]:
    """Yield (path, content) of every file attached to this person's cases."""
    for file in File.objects.for_subject(subject_id).select_related("entry__request"):
        yield path_of(file), file.content


def path_of(file: File) -> str:
    """Name a file by its number: what somebody called it is in no path."""
    return f"case_files/{file.pk}.{file.type.ending}"


def author(entry: Entry) -> str:
    """Say who wrote: the person, or the roles of a colleague."""
    if entry.kind == EntryKind.ANSWER:
        return _("yourself")
    roles = [str(ROLES[key]) for key in entry.author_role.split(",") if key in ROLES]
    return ", ".join(roles) or _("a colleague")
