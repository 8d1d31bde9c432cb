"""What comes due by itself: restrictions that were announced to end, recipients that have not answered."""

from __future__ import annotations

from celery import shared_task

from portal.rights import recipients
from portal.rights.redress import rectifying, restricting


@shared_task
def lift_due() -> None:
    restricting.lift_due()
    rectifying.lift_of_erased()


@shared_task
def remind_recipients() -> None:
    recipients.remind()
