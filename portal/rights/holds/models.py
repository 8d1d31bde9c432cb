"""Legal holds: what of a person's data may not be erased yet, why, and until when."""

from __future__ import annotations

import json
import uuid
from datetime import datetime
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.utils import timezone

from consent.values import Scope
from portal.rights.holds.values import UNCONFIRMED, with_their_keys
from portal.rights.values import Refusal
from portal.vault import keys


class HoldQuerySet(models.QuerySet["Hold"]):
    """Reads, named as adjectives."""

    def for_subject(self, subject_id: UUID) -> HoldQuerySet:
        return self.filter(subject_id=subject_id)

    def standing(self) -> HoldQuerySet:
        """Return those in force now: from the moment they were placed, and beyond a week only once confirmed."""
        now = timezone.now()
        vouched = Q(confirmed_at__isnull=False) | Q(placed_at__gt=now - UNCONFIRMED)
        return self.filter(vouched, released_at=None, until__gt=now)

    def unconfirmed(self) -> HoldQuerySet:
        return self.standing().filter(confirmed_at=None)


class Hold(models.Model):
    """One person's data that has to stay; several of one matter carry its key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject_id = models.UUIDField(db_index=True)
    matter = models.CharField(max_length=80, blank=True, db_index=True)
    scope = models.JSONField(default=dict)
    ground = models.CharField(max_length=40, choices=Refusal.choices)
    legal_basis = models.CharField(max_length=200)
    # In words that the person reads; what it is about may be personal.
    sealed_reason = models.BinaryField()
    placed_by = models.UUIDField()
    placed_at = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField()
    confirmed_by = models.UUIDField(null=True, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    released_by = models.UUIDField(null=True, blank=True)
    released_at = models.DateTimeField(null=True, blank=True)

    objects = HoldQuerySet.as_manager()

    class Meta:
        ordering = ["-placed_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(confirmed_by__isnull=True) | ~Q(confirmed_by=models.F("placed_by")),
                name="two_people_hold",
            ),
            models.CheckConstraint(condition=Q(until__gt=models.F("placed_at")), name="a_hold_ends_after_it_began"),
        ]

    def __str__(self) -> str:
        return f"hold {self.pk}"

    @property
    def wanted(self) -> Scope:
        """Return what it keeps: typed characters with the keys they stand in."""
        return with_their_keys(Scope.from_json(self.scope))

    @property
    def reason(self) -> str:
        body = keys.open_evidence(self.subject_id, bytes(self.sealed_reason), self._bound())
        return str(json.loads(body)["reason"])

    def seal(self, reason: str) -> None:
        body = json.dumps({"reason": reason}, ensure_ascii=False).encode()
        self.sealed_reason = keys.seal_evidence(self.subject_id, body, self._bound())

    def _bound(self) -> bytes:
        return f"hold|{self.pk}|reason".encode()

    @property
    def lapses_at(self) -> datetime:
        """Return when it ends by itself."""
        return self.until if self.confirmed_at else min(self.until, self.placed_at + UNCONFIRMED)

    @property
    def is_standing(self) -> bool:
        return self.released_at is None and self.lapses_at > timezone.now()


class HeldRequest(models.Model):
    """An erasure that a hold touched: who has approved going on with the rest, and what happens when the hold ends."""

    request = models.OneToOneField("rights.SubjectRequest", on_delete=models.CASCADE, related_name="held_by")
    # The first of two people, and the holds that they saw.
    approved_by = models.CharField(max_length=120, blank=True)
    seen = models.JSONField(default=list)
    # Both have: it waits, or is under way for what is not held.
    approved = models.BooleanField(default=False)
    # What was kept has been taken up again.
    settled = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"held {self.request_id}"
