"""Leaving: where somebody wants to be reached, when their account ends, the code that lets them in, what they keep."""

from __future__ import annotations

import uuid
from uuid import UUID

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

from portal.rights.leaving.values import MOST_TRIES, Address
from portal.vault import keys


class Channel(models.Model):
    """Where a person wants their access code to be sent; chosen by them alone, and sealed."""

    subject_id = models.UUIDField(primary_key=True)
    sealed = models.BinaryField()

    def __str__(self) -> str:
        return f"channel of {self.subject_id}"

    @property
    def address(self) -> Address:
        return Address.from_bytes(keys.open_evidence(self.subject_id, bytes(self.sealed), self._bound()))

    def seal(self, address: Address) -> None:
        self.sealed = keys.seal_evidence(self.subject_id, address.to_bytes(), self._bound())

    def _bound(self) -> bytes:
        return f"leaving|{self.subject_id}|channel".encode()


class DepartureQuerySet(models.QuerySet["Departure"]):
    """Reads over those who left."""

    def over(self) -> DepartureQuerySet:
        return self.filter(erase_on__lte=timezone.localdate())


class Departure(models.Model):
    """Somebody left: the last day, and the day on which the account is erased by itself."""

    subject_id = models.UUIDField(primary_key=True)
    left_on = models.DateField()
    erase_on = models.DateField(db_index=True)

    objects = DepartureQuerySet.as_manager()

    class Meta:
        ordering = ["-left_on"]

    def __str__(self) -> str:
        return f"departure of {self.subject_id}"


class AccessCodeQuerySet(models.QuerySet["AccessCode"]):
    """Reads, named as adjectives."""

    def for_subject(self, subject_id: UUID) -> AccessCodeQuerySet:
        return self.filter(subject_id=subject_id)

    def valid(self) -> AccessCodeQuerySet:
        return self.filter(ends_on__gt=timezone.localdate(), revoked_at=None).exclude(digest=None)

    def to_send(self) -> AccessCodeQuerySet:
        due = Q(wake_at=None) | Q(wake_at__lte=Now())
        return self.filter(due, wanted=True, revoked_at=None, tries__lt=MOST_TRIES).exclude(subject_id=None)


class AccessCode(models.Model):
    """The one code of somebody who left. Only its digest is stored; what is kept for the person opens with it alone.

    `subject_id` is gone once the account is forgotten: then the code opens what is kept, and nothing says whose it is.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject_id = models.UUIDField(null=True, unique=True)
    digest = models.CharField(max_length=64, null=True, unique=True)
    # What is kept for the person is sealed to the first; the second opens it, and only the code opens that.
    public = models.BinaryField(null=True)
    wrapped = models.BinaryField(null=True)
    ends_on = models.DateField()
    revoked_at = models.DateTimeField(null=True)
    # A new one has to be made and sent; it is known to nobody until then.
    wanted = models.BooleanField(default=True)
    wake_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    sent_on = models.DateField(null=True)

    objects = AccessCodeQuerySet.as_manager()

    def __str__(self) -> str:
        return f"access code {self.pk}"

    @property
    def is_stuck(self) -> bool:
        return self.wanted and self.tries >= MOST_TRIES


class Keepsake(models.Model):
    """What somebody forgotten keeps for a while: a file that only their code opens.

    Without a code it is the certificate alone, which names a number and nobody, for whoever hands it over.
    """

    code = models.ForeignKey(AccessCode, null=True, on_delete=models.CASCADE, related_name="keepsakes")
    request = models.ForeignKey("rights.SubjectRequest", on_delete=models.CASCADE, related_name="keepsakes")
    name = models.CharField(max_length=40)
    sealed = models.BinaryField()
    ends_on = models.DateField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "name"], name="one_keepsake_a_name")]

    def __str__(self) -> str:
        return f"{self.name} of {self.request_id}"
