"""What beat repeats; each may run twice at once."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from consent import ledger
from portal.events import sealing, volumes
from portal.events.models import BatchReceipt


@shared_task
def fold_volumes() -> None:
    # While closed, keys and rows may be of two times: nothing is written that a replay has to sort out.
    if not ledger.closed():
        volumes.fold_all()


@shared_task
def seal_days() -> None:
    if not ledger.closed():
        sealing.seal(sealing.due(timezone.now()))


@shared_task
def forget_receipts() -> None:
    BatchReceipt.objects.forgettable(timezone.now().date()).delete()
