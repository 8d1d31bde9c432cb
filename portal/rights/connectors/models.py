"""What each other system was asked for a request, and what it answered."""

from __future__ import annotations

import uuid
from contextlib import suppress

from django.db import models
from django.utils import timezone

from portal.register.values import StoreKind
from portal.rights.connectors.values import SETTLED, TaskState
from portal.rights.models import SubjectRequest
from portal.rights.values import State
from portal.vault import keys

OVER = (State.WITHDRAWN, State.REFUSED)


class StoreTaskQuerySet(models.QuerySet["StoreTask"]):
    """Reads, named as adjectives."""

    def unsettled(self) -> StoreTaskQuerySet:
        return self.exclude(state__in=SETTLED)

    def due(self) -> StoreTaskQuerySet:
        return self.unsettled().filter(models.Q(wake_at=None) | models.Q(wake_at__lte=timezone.now()))

    def left_behind(self) -> StoreTaskQuerySet:
        """Return those of requests that were taken back or refused."""
        return self.due().filter(request__state__in=OVER)

    def by_hand(self) -> StoreTaskQuerySet:
        """Return those that wait for somebody to look."""
        return self.unsettled().filter(kind=StoreKind.MANUAL).exclude(request__state__in=OVER)


class StoreTask(models.Model):
    """One other system, asked for one request. `number` is what it knows the request by, however often it is asked."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(SubjectRequest, on_delete=models.CASCADE, related_name="store_tasks")
    store_key = models.CharField(max_length=64)
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=16, choices=StoreKind.choices)
    number = models.UUIDField(unique=True, default=uuid.uuid4)
    state = models.CharField(max_length=12, choices=TaskState.choices, default=TaskState.WAITING)
    # How often it was asked under this number, and how often in a row that came to nothing.
    tries = models.PositiveSmallIntegerField(default=0)
    failing = models.PositiveSmallIntegerField(default=0)
    wake_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=400, blank=True)
    fetched = models.BooleanField(default=False)
    asked_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    # Who answered by hand; programs answer without a name.
    answered_by = models.CharField(max_length=120, blank=True)
    sealed_note = models.BinaryField(null=True)

    objects = StoreTaskQuerySet.as_manager()

    class Meta:
        ordering = ["title", "pk"]
        constraints = [models.UniqueConstraint(fields=["request", "store_key"], name="connectors_one_task_a_store")]
        indexes = [
            models.Index(
                fields=["wake_at"],
                condition=models.Q(state__in=["waiting", "sent", "unknown", "failed"]),
                name="connectors_task_due",
            )
        ]

    def __str__(self) -> str:
        return f"{self.store_key} for {self.request_id}"

    @property
    def is_settled(self) -> bool:
        return self.state in SETTLED

    @property
    def note(self) -> str:
        """Return what whoever answered by hand wrote; nothing once the person's account is gone, and its key."""
        if self.sealed_note is None:
            return ""
        with suppress(keys.KeyGone):
            return keys.open_evidence(self.request.subject_id, bytes(self.sealed_note), self._bound).decode()
        return ""

    def seal_note(self, text: str) -> None:
        self.sealed_note = keys.seal_evidence(self.request.subject_id, text.encode(), self._bound)

    @property
    def _bound(self) -> bytes:
        return f"store|{self.pk}|note".encode()
