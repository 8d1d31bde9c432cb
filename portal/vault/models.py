"""The keyring: wrapped keys of people, and their key lists; the only tables of database `keys`."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _


class SubjectKeyQuerySet(models.QuerySet["SubjectKey"]):
    """Reads of wrapped keys."""

    def evidence(self, subject_id: UUID) -> SubjectKeyQuerySet:
        return self.filter(subject_id=subject_id, kind=SubjectKey.Kind.EVIDENCE)

    def data(self, subject_id: UUID) -> SubjectKeyQuerySet:
        return self.filter(subject_id=subject_id, kind=SubjectKey.Kind.DATA)

    def not_under(self, kek_id: str) -> SubjectKeyQuerySet:
        return self.exclude(kek_id=kek_id)


class SubjectKey(models.Model):
    """One key of a person, wrapped by a key-encryption key."""

    class Kind(models.TextChoices):
        EVIDENCE = "evidence", _("for openings, receipts and profile")
        DATA = "data", _("for the key lists of an epoch")

    subject_id = models.UUIDField()
    kind = models.CharField(max_length=8, choices=Kind.choices)
    epoch = models.PositiveIntegerField()
    wrapped = models.BinaryField()
    kek_id = models.CharField(max_length=32, db_index=True)

    objects = SubjectKeyQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subject_id", "kind", "epoch"], name="one_key_per_kind_and_epoch")
        ]

    def __str__(self) -> str:
        return f"{self.kind} key {self.epoch} of {self.subject_id}"


class KeyListQuerySet(models.QuerySet["KeyList"]):
    """Reads of sealed lists."""

    def of(self, subject_id: UUID, epoch: int) -> KeyListQuerySet:
        return self.filter(subject_id=subject_id, epoch=epoch)


class KeyList(models.Model):
    """The keys of one month (or of the bundles), sealed under the data key of their epoch.

    Padded, and without a version of its own: either would count the days on which somebody worked.
    """

    subject_id = models.UUIDField()
    epoch = models.PositiveIntegerField()
    month = models.CharField(max_length=7)
    sealed = models.BinaryField()

    objects = KeyListQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject_id", "epoch", "month"], name="one_list_per_month")]

    def __str__(self) -> str:
        return f"list {self.month} in epoch {self.epoch} of {self.subject_id}"
