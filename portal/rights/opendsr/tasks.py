"""Wakes the telling of controllers; the rows are the queue."""

from __future__ import annotations

from celery import shared_task

from portal.rights.opendsr import calling


@shared_task
def deliver() -> None:
    calling.deliver_due()
