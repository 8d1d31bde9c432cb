"""What beat asks for: copies of the ledger's head, and counts of answers."""

from __future__ import annotations

from celery import shared_task

from portal.oversight import checkpoints, counting, waiting


@shared_task
def mail_checkpoint() -> None:
    checkpoints.mail_newest()


@shared_task
def count_answers() -> None:
    counting.count_all()


@shared_task
def tell_of_drafts() -> None:
    waiting.tell()
