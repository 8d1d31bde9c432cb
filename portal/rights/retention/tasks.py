"""What beat asks for: whose day has begun, who chose a shorter period, and whether a night was missed."""

from __future__ import annotations

from celery import shared_task
from django.core.cache import cache

from portal.rights.retention import people, proving, running, telling

# So many few people are gone through at once; each few goes back to the end of the queue, behind what people wait for.
AT_ONCE = 4
# A place that nobody let go of is given away again.
HELD_SECONDS = 900


@shared_task
def begin_night() -> None:
    telling.tell()
    proving.issue_due()
    for place in range(AT_ONCE):
        if cache.add(_name(place), True, HELD_SECONDS):
            go_through.delay(place)


@shared_task
def go_through(place: int) -> None:
    """Delete what is over of a few people, and come back for the next; the rows say who is left."""
    few = people.some()
    running.finish(few)
    if few:
        cache.set(_name(place), True, HELD_SECONDS)
        go_through.delay(place)
    else:
        cache.delete(_name(place))


@shared_task
def shorten_at_once() -> None:
    running.finish(people.wanted())


def _name(place: int) -> str:
    return f"retention-{place}"
