"""What beat asks for: receipts confirmed, dates of those who wait, reminders."""

from __future__ import annotations

from celery import shared_task

from portal.rights.clocks import reminding


@shared_task
def remind() -> None:
    reminding.confirm_receipts()
    reminding.move_waiting()
    reminding.remind()
