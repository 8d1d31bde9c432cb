"""Which recipients were told of what, and which restrictions are announced to end."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.rights.redress.values import Ending, What


class ToldQuerySet(models.QuerySet["Told"]):
    """Reads, named as adjectives."""

    def of(self, request_id: uuid.UUID) -> ToldQuerySet:
        return self.filter(request_id=request_id).order_by("recipient_name", "made_at")

    def unconfirmed(self) -> ToldQuerySet:
        return self.filter(confirmed_at=None)

    def overdue(self, age: timedelta) -> ToldQuerySet:
        """Return what was mailed so long ago without an answer, and was not sent again since."""
        return self.unconfirmed().filter(told_at__lt=timezone.now() - age, reminded_at=None, by_mail=True)


class Told(models.Model):
    """That a recipient is to be told of what became of a person's data (Art. 19), and what it said.

    A mail to it holds the reference and the mark under which it has that person's records: nothing else.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey("rights.SubjectRequest", on_delete=models.CASCADE, related_name="told")
    subject_id = models.UUIDField(db_index=True)
    recipient_key = models.CharField(max_length=64)
    recipient_name = models.CharField(max_length=200)
    what = models.CharField(max_length=16, choices=What.choices)
    reference = models.CharField(max_length=24, unique=True)
    by_mail = models.BooleanField()
    made_at = models.DateTimeField(auto_now_add=True)
    told_at = models.DateTimeField(null=True)
    reminded_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    # Empty where the recipient confirmed by the link in its mail.
    confirmed_by = models.CharField(max_length=120, blank=True)

    objects = ToldQuerySet.as_manager()

    class Meta:
        ordering = ["made_at"]
        constraints = [models.UniqueConstraint(fields=["request", "recipient_key", "what"], name="told_once_of_each")]

    def __str__(self) -> str:
        return f"{self.recipient_key}: {self.reference}"


class LiftingQuerySet(models.QuerySet["Lifting"]):
    """Reads over announcements."""

    def standing(self) -> LiftingQuerySet:
        return self.filter(lifted_at=None)

    def due(self) -> LiftingQuerySet:
        return self.standing().filter(Q(lifts_at__lte=timezone.now()))


class Lifting(models.Model):
    """That the person was told that a restriction ends, and when it does: never before they were told (Art. 18(3))."""

    request = models.OneToOneField("rights.SubjectRequest", on_delete=models.CASCADE, related_name="lifting")
    reason = models.CharField(max_length=24, choices=Ending.choices)
    announced_at = models.DateTimeField(default=timezone.now)
    announced_by = models.CharField(max_length=120)
    lifts_at = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True)

    objects = LiftingQuerySet.as_manager()

    def __str__(self) -> str:
        return f"restriction of {self.request_id} ends {self.lifts_at:%Y-%m-%d}"
