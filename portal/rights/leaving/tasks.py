"""Wakes what follows from leaving; the rows say what is due."""

from __future__ import annotations

from celery import shared_task

from portal.rights.leaving import delivery, schedule
from portal.rights.tasks import nudge


@shared_task
def sweep() -> None:
    for request_id in schedule.sweep():
        nudge(request_id)
    delivery.send_due()
