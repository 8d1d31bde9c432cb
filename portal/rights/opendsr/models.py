"""Which request a controller's number stands for, and what it has still to be told."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from portal.rights.models import SubjectRequest
from portal.rights.opendsr.values import STATUS, CallbackState, Status


class Asked(models.Model):
    """A request that came by OpenDSR; the numbers are the controller's, and unique for each program."""

    request = models.OneToOneField(SubjectRequest, on_delete=models.CASCADE, related_name="opendsr")
    client_id = models.CharField(max_length=120)
    subject_request_id = models.UUIDField()
    regulation = models.CharField(max_length=8)
    callbacks = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["client_id", "subject_request_id"], name="opendsr_one_request_a_number")
        ]

    def __str__(self) -> str:
        return str(self.subject_request_id)

    @property
    def status(self) -> Status:
        return STATUS[self.request.state]


class CallbackQuerySet(models.QuerySet["Callback"]):
    """Reads, named as adjectives; times are the database's."""

    def unclaimed(self) -> CallbackQuerySet:
        """Return the oldest of each address that may be sent now: a later change is never told before an earlier."""
        earlier = Callback.objects.filter(
            asked=OuterRef("asked"), url=OuterRef("url"), state=CallbackState.WAITING, pk__lt=OuterRef("pk")
        )
        free = Q(lease_until=None) | Q(lease_until__lt=Now())
        due = Q(wake_at=None) | Q(wake_at__lte=Now())
        return self.filter(free, due, ~Exists(earlier), state=CallbackState.WAITING)

    def claim(self, callback: Callback, lease: timedelta) -> bool:
        free = Q(lease_until=None) | Q(lease_until__lt=Now())
        return bool(
            self.filter(free, pk=callback.pk, attempts=callback.attempts, state=CallbackState.WAITING).update(
                lease_until=Now() + lease,
                attempts=F("attempts") + 1,
            )
        )


class Callback(models.Model):
    """One change of status to be told to one address; written by a trigger in the transaction of the change."""

    asked = models.ForeignKey(Asked, on_delete=models.CASCADE, related_name="told")
    url = models.CharField(max_length=2000)
    status = models.CharField(max_length=16, choices=Status.choices)
    made_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=8, choices=CallbackState.choices, db_default=CallbackState.WAITING)
    attempts = models.PositiveSmallIntegerField(db_default=0)
    wake_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=80, db_default="")

    objects = CallbackQuerySet.as_manager()

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["asked", "url"], condition=Q(state="waiting"), name="opendsr_callback_waiting")]

    def __str__(self) -> str:
        return f"{self.status} of {self.asked_id}"
