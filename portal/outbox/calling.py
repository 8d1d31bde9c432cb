"""Calls the endpoints that are to be told: claim, call, record; none waits for another.

A thing is told at least once. It may arrive twice where a worker died between a call and its record; it has the same
webhook-id then.
"""

from __future__ import annotations

import logging
import random
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from consent.values import Closed
from portal.audit import trail
from portal.audit.values import SYSTEM, Action, Actor, ActorKind
from portal.outbox import fetch, ports, signing, webhooks
from portal.outbox.fetch import Refused, Unreachable
from portal.outbox.models import Attempt, Delivery, Endpoint
from portal.outbox.values import TELLS_AN_ANSWER, Course, Off, next_try, rest_after
from portal.vault.cipher import Damaged, WrongKey

AT_ONCE = 16
# No call begins later in a run, so that a worker is not kept longer than this and one call.
LONGEST_RUN = 20.0
KEPT = timedelta(days=31)
GONE = 410
CLOSED_FOR = timedelta(minutes=1)
LOST, UNREADABLE = "lost", "secret"
spread = random.SystemRandom().random
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How a call ended: with a status, or without one for a reason."""

    status: int | None
    reason: str
    ms: int

    @property
    def taken(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


Running = dict[Future[Outcome], Delivery]


def tell_due() -> int:
    """Call whatever endpoint has something due, several at once; return how many calls were taken.

    The threads only call: all that is read or written is so here.
    """
    ends, taken = time.monotonic() + LONGEST_RUN, 0
    running: Running = {}
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook") as pool:
        while True:
            if time.monotonic() < ends:
                _begin(running, pool)
            if not running:
                return taken
            for future in wait(running, timeout=1, return_when=FIRST_COMPLETED).done:
                taken += record(running.pop(future), future.result())


def _begin(running: Running, pool: ThreadPoolExecutor) -> None:
    for delivery in Delivery.objects.due().select_related("endpoint")[: AT_ONCE - len(running)]:
        if not (_may_go(delivery) and _claim(delivery)):
            continue
        try:
            running[pool.submit(call, *_written(delivery))] = delivery
        except (Damaged, WrongKey):  # the secret was sealed with another server key
            record(delivery, Outcome(None, UNREADABLE, 0))


def _claim(delivery: Delivery) -> bool:
    died = delivery.lease_until is not None
    if not Delivery.objects.claim(delivery):
        return False
    if died:
        Attempt.objects.create(delivery=delivery, reason=LOST)
    delivery.refresh_from_db(fields=["attempt", "tries"])
    return _written_down(delivery)


def _may_go(delivery: Delivery) -> bool:
    """Ask again what the program may read: a right that was taken away is gone from its endpoints too."""
    if webhooks.may_be_told(delivery.endpoint, delivery.kind):
        return True
    webhooks.disable(endpoint=delivery.endpoint, why=Off.CLIENT, by=SYSTEM)
    return False


def _written_down(delivery: Delivery) -> bool:
    """Commit the access before a word leaves, where the telling alone says how somebody answered."""
    if delivery.kind not in TELLS_AN_ANSWER or delivery.tries > 1 or delivery.subject_id is None:
        return True
    client = delivery.endpoint.client_id
    teller = Actor(ActorKind.CLIENT, client, role="client", label=ports.installed.programs.name(client))
    about = {"subject_id": delivery.subject_id, "purpose": str(delivery.data["purpose"]), "case": delivery.event_id}
    try:
        trail.access(Action.DECISION_TOLD, actor=teller, **about)
    except Closed:
        Delivery.objects.held(delivery).update(lease_until=None, tries=F("tries") - 1, wake_at=Now() + CLOSED_FOR)
        return False
    return True


def _written(delivery: Delivery) -> tuple[str, bytes, dict[str, str]]:
    body = webhooks.body(delivery)
    signed = signing.headers(delivery.event_id, int(time.time()), body, webhooks.secrets_of(delivery.endpoint))
    return delivery.endpoint.url, body, {"Content-Type": "application/json", "User-Agent": "Daylight", **signed}


def call(url: str, body: bytes, headers: dict[str, str]) -> Outcome:
    """Call once; what answers is the status alone, so that nobody is waited for who is slow to say more."""
    began = time.monotonic()
    status, reason = None, ""
    try:
        seconds = settings.WEBHOOK_TIMEOUT_SECONDS
        status = fetch.send("POST", url, headers=headers, body=body, timeout=seconds, limit=0, internal=True).status
    except Refused as error:
        reason = error.code
    except Unreachable as error:
        reason = error.reason
    return Outcome(status, reason, round((time.monotonic() - began) * 1000))


@transaction.atomic
def record(delivery: Delivery, outcome: Outcome) -> bool:
    """Write down how a call ended and what follows; a worker that was too slow writes nothing."""
    held = Delivery.objects.held(delivery)
    if not held.select_for_update().exists():
        return False
    Attempt.objects.create(delivery=delivery, status=outcome.status, reason=outcome.reason, ms=outcome.ms)
    _note_endpoint(delivery.endpoint, outcome)
    later = None if outcome.taken or outcome.status == GONE else next_try(delivery.tries, spread())
    if later is not None:
        held.update(lease_until=None, wake_at=Now() + later)
        return False
    state = Course.SENT if outcome.taken else Course.FAILED
    held.update(state=state, lease_until=None, wake_at=None, settled_at=Now())
    if not outcome.taken:
        _give_up(delivery, outcome)
    return outcome.taken


def _note_endpoint(endpoint: Endpoint, outcome: Outcome) -> None:
    """Leave one that gives no answer alone for a while: each of its calls would keep somebody waiting."""
    found = Endpoint.objects.filter(pk=endpoint.pk)
    if outcome.status is None:
        endpoint.silences = min(endpoint.silences + 1, 100)
        found.update(silences=endpoint.silences, rests_until=Now() + rest_after(endpoint.silences))
    else:
        found.update(silences=0, rests_until=None, **({"taken_at": Now()} if outcome.taken else {}))


def _give_up(delivery: Delivery, outcome: Outcome) -> None:
    """Switch off whoever wants nothing more, or took nothing since this was first to be told."""
    if outcome.status == GONE:
        webhooks.disable(endpoint=delivery.endpoint, why=Off.GONE, by=SYSTEM)
    elif not Endpoint.objects.filter(pk=delivery.endpoint_id, taken_at__gte=delivery.told_at).exists():
        webhooks.disable(endpoint=delivery.endpoint, why=Off.FAILING, by=SYSTEM)


def forget() -> None:
    """Delete what was told long ago, and what waits for an endpoint that stayed off."""
    Delivery.objects.told_before(KEPT).delete()
