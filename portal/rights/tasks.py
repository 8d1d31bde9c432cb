"""Wakes the workers; the rows are the queue, so that nothing is lost when these are."""

from __future__ import annotations

import functools
import logging
from uuid import UUID

from celery import shared_task
from django.core.cache import cache
from django.db import transaction
from kombu import Connection
from kombu.exceptions import LimitExceeded, OperationalError
from kombu.pools import producers
from redis.exceptions import RedisError

from portal.rights import checking, ending, expiry, lapsing, releasing, renewal, runner, vault_check
from portal.rights.models import SubjectRequest

log = logging.getLogger(__name__)
AT_ONCE = 200
# Whoever was woken waits in the queue; only where nobody came for so long is the message held for lost. What empties
# the queue empties the cache beside it as well.
AGAIN_SECONDS = 30


@shared_task
def advance(request_id: str) -> None:
    cache.delete(_waking(request_id))
    if runner.go_on(request_id):
        nudge(request_id)


@shared_task
def sweep() -> None:
    """Wake whatever nobody works at: not nudged, lost, left by a worker that died, or stopped by a hold that ended."""
    releasing.go_on()
    for request_id in SubjectRequest.objects.unclaimed().order_by("due").values_list("pk", flat=True)[:AT_ONCE]:
        if cache.add(_waking(request_id), True, AGAIN_SECONDS):
            nudge(request_id)


@shared_task
def renew_kek() -> None:
    for request_id in renewal.renew_if_due():
        nudge(request_id)


@shared_task
def expire_bundles() -> None:
    expiry.expire()


@shared_task
def check_certificates() -> None:
    checking.check_due()


@shared_task
def check_vault() -> None:
    vault_check.nightly()


@shared_task
def clear_ended_purposes() -> None:
    for request_id in ending.after_retirement():
        nudge(request_id)


@shared_task
def tell_of_wider_notices() -> None:
    lapsing.tell_of_wider_notices()


@shared_task
def renew_answers() -> None:
    """Ask again whoever's yes runs out, and call back what a consent leaves that was not given again."""
    lapsing.remind()
    for request_id in [*ending.after_lapse(), *ending.after_return()]:
        nudge(request_id)


def nudge(request_id: UUID | str) -> None:
    """Wake a worker once this is committed; without a broker the sweep finds the row."""
    transaction.on_commit(lambda: _send(str(request_id)), robust=True)


def _waking(request_id: UUID | str) -> str:
    return f"waking:{request_id}"


def _send(request_id: str) -> None:
    cache.set(_waking(request_id), True, AGAIN_SECONDS)
    try:
        with producers[_impatient(advance.app.conf.broker_url)].acquire(block=True, timeout=2) as producer:
            advance.apply_async((request_id,), producer=producer, retry=False)
    except (OperationalError, LimitExceeded, RedisError, OSError) as error:
        cache.delete(_waking(request_id))
        log.warning("request %s waits for the sweep: %s", request_id, type(error).__name__)


@functools.cache
def _impatient(url: str) -> Connection:
    """Name the broker without the transport's own tries, which would keep a page waiting for six seconds.

    It is opened where it is used, by a pool: to connect anew for each message takes longer than to send it.
    """
    app = advance.app
    options = {**app.conf.broker_transport_options, "max_retries": 0, "socket_timeout": 2}
    connection: Connection = app.connection_for_write(url, transport_options=options)
    return connection
