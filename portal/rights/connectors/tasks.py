"""Takes back what other systems were asked for requests that are over; the rows are the queue."""

from __future__ import annotations

from celery import shared_task

from portal.rights.connectors import actions


@shared_task
def take_back() -> None:
    actions.take_back_all()
