"""Sends what is in the outbox, however it got there: the rows are the queue."""

from __future__ import annotations

from celery import shared_task

from portal.outbox import calling, runner


@shared_task
def sweep() -> None:
    runner.deliver_due()


@shared_task
def tell() -> None:
    calling.tell_due()


@shared_task
def forget() -> None:
    runner.forget()
    calling.forget()
