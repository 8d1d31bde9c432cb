"""What beat asks for: whose day has begun, who chose a shorter period, and whether a night was missed."""

from __future__ import annotations

from uuid import UUID

from celery import shared_task

from portal.rights.retention import people, proving, running, telling


@shared_task
def begin_night() -> None:
    """Hand out everybody whose day was not gone through; the same person handed out twice is looked at once."""
    for chunk in people.due():
        delete_what_is_over.delay([str(each) for each in chunk])
    telling.tell()
    proving.issue_due()


@shared_task
def delete_what_is_over(subject_ids: list[str]) -> None:
    running.finish(map(UUID, subject_ids))


@shared_task
def shorten_at_once() -> None:
    running.finish(people.wanted())
