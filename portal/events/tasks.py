"""What beat repeats; each may run twice at once."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from portal.events import sealing, volumes
from portal.events.models import BatchReceipt


@shared_task
def fold_volumes() -> None:
    volumes.fold_all()


@shared_task
def seal_days() -> None:
    sealing.seal(sealing.due(timezone.now()))


@shared_task
def forget_receipts() -> None:
    BatchReceipt.objects.forgettable(timezone.now().date()).delete()
