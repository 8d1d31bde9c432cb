"""What belongs to a case beside the request: who has it, what was written, files, how it came and is handed over."""

from __future__ import annotations

import json
import uuid
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.rights.cases.values import (
    TYPES,
    Channel,
    Delivery,
    EntryKind,
    FileType,
    Identity,
    IntakeState,
)
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind
from portal.vault import keys, objects, serverkey
from portal.vault.cipher import aad


class Assignment(models.Model):
    """Who has taken a case over; one at a time."""

    request = models.OneToOneField(SubjectRequest, on_delete=models.CASCADE, related_name="assignment")
    handler_id = models.UUIDField(db_index=True)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"case {self.request_id} of {self.handler_id}"


class EntryQuerySet(models.QuerySet["Entry"]):
    """Reads over what was written into cases."""

    def of(self, request: SubjectRequest) -> EntryQuerySet:
        return self.filter(request=request)

    def for_subject(self, subject_id: UUID) -> EntryQuerySet:
        return self.filter(request__subject_id=subject_id)

    def between_us(self) -> EntryQuerySet:
        """Return what both sides read: messages, not notes."""
        return self.exclude(kind=EntryKind.NOTE)


class Entry(models.Model):
    """A note, a message to the person or one from them; its words are sealed under the person's evidence key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(SubjectRequest, on_delete=models.CASCADE, related_name="entries")
    kind = models.CharField(max_length=8, choices=EntryKind.choices)
    at = models.DateTimeField(default=timezone.now)
    author_id = models.CharField(max_length=120)
    author_role = models.CharField(max_length=80, blank=True)
    sealed_text = models.BinaryField()

    objects = EntryQuerySet.as_manager()

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def bound(self) -> bytes:
        return aad("case", "entry", self.request_id, self.pk)

    def seal(self, subject_id: UUID, text: str) -> None:
        self.sealed_text = keys.seal_evidence(subject_id, text.encode(), self.bound)

    @property
    def text(self) -> str:
        return keys.open_evidence(self.request.subject_id, bytes(self.sealed_text), self.bound).decode()


class IntakeQuerySet(models.QuerySet["Intake"]):
    """Reads over requests that came in from outside."""

    def open(self) -> IntakeQuerySet:
        return self.filter(state=IntakeState.OPEN)

    def unmatched(self) -> IntakeQuerySet:
        """Return those of people who were unknown, however they ended; the others stand in the queue as requests."""
        return self.exclude(state=IntakeState.MATCHED)


class Intake(models.Model):
    """A request that came in from outside, recorded by somebody who handles requests.

    Of a known person it holds codes alone: how it came and how they were known. Of somebody unknown also what was
    written, sealed under the server's key, until a person is found or it is closed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    channel = models.CharField(max_length=16, choices=Channel.choices)
    identity = models.CharField(max_length=24, choices=Identity.choices, default=Identity.NOT_YET)
    delivery = models.CharField(max_length=8, choices=Delivery.choices, default=Delivery.ACCOUNT)
    state = models.CharField(max_length=16, choices=IntakeState.choices, default=IntakeState.OPEN)
    received = models.DateTimeField()
    recorded_at = models.DateTimeField(default=timezone.now)
    recorded_by = models.CharField(max_length=120)
    handler_id = models.UUIDField(null=True, blank=True)
    due = models.DateField()
    explanation = models.TextField()
    request = models.OneToOneField(
        SubjectRequest, null=True, blank=True, on_delete=models.CASCADE, related_name="intake"
    )
    proposed_ending = models.CharField(max_length=16, blank=True)
    proposed_by = models.CharField(max_length=120, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    sealed_body = models.BinaryField(null=True)

    objects = IntakeQuerySet.as_manager()

    class Meta:
        ordering = ["due", "received"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state=IntakeState.MATCHED, request__isnull=False)
                | (~Q(state=IntakeState.MATCHED) & Q(request__isnull=True)),
                name="cases_matched_has_request",
            ),
        ]

    def __str__(self) -> str:
        return f"intake {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state == IntakeState.OPEN

    @property
    def bound(self) -> bytes:
        return aad("case", "intake", self.pk)

    @property
    def body(self) -> dict[str, Any]:
        """Return what is known of somebody unknown: who they say they are, what they wrote, what was noted since."""
        if self.sealed_body is None:
            return {}
        return json.loads(serverkey.open_bytes(bytes(self.sealed_body), self.bound))

    def seal(self, body: dict[str, Any]) -> None:
        self.sealed_body = serverkey.seal_bytes(json.dumps(body, ensure_ascii=False).encode(), self.bound)


class FileQuerySet(models.QuerySet["File"]):
    """Reads over files."""

    def of(self, request: SubjectRequest) -> FileQuerySet:
        return self.filter(entry__request=request)

    def for_subject(self, subject_id: UUID) -> FileQuerySet:
        return self.filter(entry__request__subject_id=subject_id)


class File(models.Model):
    """A file beside something written, or beside a request of somebody unknown; its name is sealed as its content."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    entry = models.ForeignKey(Entry, null=True, on_delete=models.CASCADE, related_name="files")
    intake = models.ForeignKey(Intake, null=True, on_delete=models.CASCADE, related_name="files")
    media = models.CharField(max_length=40)
    sealed_name = models.BinaryField()

    objects = FileQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(entry__isnull=False, intake__isnull=True) | Q(entry__isnull=True, intake__isnull=False),
                name="cases_file_beside_one",
            ),
        ]

    def __str__(self) -> str:
        return f"file {self.pk}"

    @property
    def object_name(self) -> str:
        return f"cases/{self.pk.hex}"

    @property
    def type(self) -> FileType:
        return TYPES[self.media]

    @property
    def name(self) -> str:
        return self._open(bytes(self.sealed_name), "name").decode()

    @property
    def content(self) -> bytes:
        return self._open(objects.get(self.object_name), "content")

    def prove(self) -> None:
        """Open the content and keep nothing of it; raises what opening raises."""
        self._open(objects.get(self.object_name), "content")

    def seal_name(self, name: str) -> None:
        self.sealed_name = self._seal(name.encode(), "name")

    def put(self, content: bytes) -> None:
        """Store the content; the object first, so that no row names what is not there."""
        objects.put(self.object_name, self._seal(content, "content"))

    def _seal(self, data: bytes, what: str) -> bytes:
        bound = aad("case", "file", self.pk, what)
        if self.entry is None:
            return serverkey.seal_bytes(data, bound)
        return keys.seal_evidence(self.entry.request.subject_id, data, bound)

    def _open(self, blob: bytes, what: str) -> bytes:
        bound = aad("case", "file", self.pk, what)
        if self.entry is None:
            return serverkey.open_bytes(blob, bound)
        return keys.open_evidence(self.entry.request.subject_id, blob, bound)


class HandOverQuerySet(models.QuerySet["HandOver"]):
    """Reads over codes; times are the server's."""

    def usable(self) -> HandOverQuerySet:
        return self.filter(ended_at=None, expires_at__gt=timezone.now())


class HandOver(models.Model):
    """A code with which a copy is fetched without an account. Each half is shown once, to two different people."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(SubjectRequest, on_delete=models.CASCADE, related_name="hand_overs")
    digest = models.CharField(max_length=64, unique=True)
    # Sealed under the server's key until they were shown; empty from then on.
    first_half = models.TextField(blank=True)
    second_half = models.TextField(blank=True)
    first_shown_to = models.CharField(max_length=120, blank=True)
    second_shown_to = models.CharField(max_length=120, blank=True)
    made_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    uses = models.PositiveSmallIntegerField(default=0)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = HandOverQuerySet.as_manager()

    class Meta:
        ordering = ["-made_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["request"], condition=Q(ended_at__isnull=True), name="cases_one_code_a_request"
            ),
            models.CheckConstraint(
                condition=Q(first_shown_to="") | ~Q(first_shown_to=models.F("second_shown_to")),
                name="cases_halves_to_two_people",
            ),
        ]

    def __str__(self) -> str:
        return f"code {self.pk}"
