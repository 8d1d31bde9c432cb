"""What is removed by itself when it is no longer needed."""

from __future__ import annotations

from celery import shared_task

from portal.rights.cases import forgetting


@shared_task
def forget_unknown() -> None:
    forgetting.forget_unknown()
