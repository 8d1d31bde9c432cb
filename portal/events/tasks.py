"""What beat repeats; each may run twice at once."""

from __future__ import annotations

from celery import shared_task
from django.utils import timezone

from consent import ledger, marking
from portal.events import sealing, volumes
from portal.events.models import BatchReceipt

SLICE_SECONDS = 60


@shared_task
def fold_volumes() -> None:
    # While closed, keys and rows may be of two times: nothing is written that a replay has to sort out.
    if not ledger.closed():
        volumes.fold_all()


@shared_task
def seal_days() -> None:
    """Seal for a while, then stand in line again behind whatever else waits for a worker."""
    if ledger.closed():
        return
    done, left = sealing.seal(sealing.due(timezone.now()), SLICE_SECONDS)
    if done and left:
        seal_days.delay()


@shared_task
def forget_days_off() -> None:
    marking.forget_past()


@shared_task
def forget_receipts() -> None:
    BatchReceipt.objects.forgettable(timezone.now().date()).delete()
