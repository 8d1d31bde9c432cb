"""The sequencer: signs what was added to the ledger, and looks whether it still extends what was signed before."""

from __future__ import annotations

from celery import shared_task

from consent import ledger


@shared_task
def sign_checkpoint() -> None:
    ledger.settle()
    ledger.sign()


@shared_task
def check_ledger() -> None:
    ledger.check()
