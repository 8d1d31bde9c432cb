"""What the store keeps: sealed blocks, sealed segments, sealed counts, and what was answered to whom."""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID, uuid4

from django.db import models
from django.db.models import Exists, OuterRef, Q

RECEIPT_DAYS = 31


class OfAPerson(models.QuerySet):
    """Reads that every table of this part shares."""

    def for_subject(self, subject_id: UUID) -> OfAPerson:
        return self.filter(subject_id=subject_id)


class ReceiptQuerySet(OfAPerson):
    """Reads over receipts."""

    def forgettable(self, today: date) -> ReceiptQuerySet:
        """What a collector can no longer be answered from: its data was sealed away a month ago."""
        waiting = Exists(Block.objects.filter(receipt=OuterRef("pk")))
        return self.filter(~waiting, imported=False, settled__lte=today - timedelta(days=RECEIPT_DAYS))


class BatchReceipt(models.Model):
    """That a batch was taken, and the answer it got, so that sending it again changes nothing.

    `settled` is the day its last block left the table; an import's receipt stays until the account is erased.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    writer = models.CharField(max_length=200)
    batch = models.UUIDField()
    subject_id = models.UUIDField(db_index=True)
    digest = models.BinaryField()
    answer = models.BinaryField()
    imported = models.BooleanField(default=False)
    arrived = models.DateField()
    settled = models.DateField(null=True)

    objects = ReceiptQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["writer", "batch"], name="one_receipt_a_batch")]

    def __str__(self) -> str:
        return f"{self.writer} {self.batch}"


class BlockQuerySet(OfAPerson):
    """Reads over blocks."""

    def of_day(self, subject_id: UUID, day: date) -> BlockQuerySet:
        return self.filter(subject_id=subject_id, day=day)

    def unfolded(self) -> BlockQuerySet:
        return self.filter(folded=False)

    def with_body(self) -> BlockQuerySet:
        return self.exclude(body=b"")


class Block(models.Model):
    """The events of one batch and day, sealed under the day's key, with their counts sealed beside them.

    A block without a body only says what was withheld; it goes once its counts are in the volume.
    """

    subject_id = models.UUIDField()
    day = models.DateField()
    epoch = models.PositiveIntegerField()
    receipt = models.ForeignKey(BatchReceipt, on_delete=models.PROTECT, related_name="blocks")
    body = models.BinaryField()
    counts = models.BinaryField()
    folded = models.BooleanField(default=False)

    objects = BlockQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["subject_id", "day"], name="blocks_of_a_day"),
            models.Index(fields=["subject_id", "day"], name="blocks_to_fold", condition=Q(folded=False)),
        ]

    def __str__(self) -> str:
        return f"{self.subject_id} {self.day}"


class Segment(models.Model):
    """The one sealed object of a person's day, as of a generation."""

    subject_id = models.UUIDField()
    day = models.DateField()
    generation = models.PositiveIntegerField()
    epoch = models.PositiveIntegerField()
    name = models.CharField(max_length=200)

    objects = OfAPerson.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject_id", "day"], name="one_segment_a_day")]

    def __str__(self) -> str:
        return self.name


class Volume(models.Model):
    """How much of what was kept and withheld on each day of a month, sealed; charts read nothing else.

    The version is drawn, not counted: a counter would tell how many minutes somebody worked.
    """

    subject_id = models.UUIDField()
    month = models.CharField(max_length=7)
    epoch = models.PositiveIntegerField()
    version = models.UUIDField()
    sealed = models.BinaryField()

    objects = OfAPerson.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject_id", "month"], name="one_volume_a_month")]

    def __str__(self) -> str:
        return f"{self.subject_id} {self.month}"


class Sender(models.Model):
    """A device of a person as ingest knows it, and what it did after a no, sealed under the person's evidence key.

    `waiting` says that it has not asked yet what it may send since something was stopped.
    """

    subject_id = models.UUIDField()
    writer = models.CharField(max_length=200)
    source = models.CharField(max_length=64)
    waiting = models.BooleanField(default=True)
    sealed = models.BinaryField()

    objects = OfAPerson.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject_id", "writer", "source"], name="one_sender_a_device")]

    def __str__(self) -> str:
        return f"{self.writer} {self.source}"


class StillSending(models.Model):
    """An installation that last sent on this day what nobody may keep: all that operators are told, never whose."""

    collector = models.CharField(max_length=200, primary_key=True)
    day = models.DateField()

    def __str__(self) -> str:
        return self.collector


class LastFocus(models.Model):
    """Which app a collector saw in front last, sealed under the month's volume key: the next batch goes on from it."""

    subject_id = models.UUIDField()
    writer = models.CharField(max_length=200)
    source = models.CharField(max_length=64)
    month = models.CharField(max_length=7)
    epoch = models.PositiveIntegerField()
    sealed = models.BinaryField()

    objects = OfAPerson.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject_id", "writer", "source"], name="one_focus_a_collector")]

    def __str__(self) -> str:
        return f"{self.writer} {self.source}"
