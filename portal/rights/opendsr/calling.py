"""Tells controllers how their requests stand: each change, in order, at least once, signed."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.db.models.functions import Now

from portal.outbox import fetch
from portal.rights.opendsr import reading
from portal.rights.opendsr.models import Callback
from portal.rights.opendsr.signing import NotConfigured, Signer, signer
from portal.rights.opendsr.values import DOMAIN, OLD_DOMAIN, OLD_SIGNATURE, SIGNATURE, CallbackState

AT_ONCE = 20
TIMEOUT_SECONDS = 10.0
LEASE = timedelta(seconds=60)
# Three days in all, as long as a long weekend.
WAITS = [
    timedelta(seconds=seconds)
    for seconds in (5, 60, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
]
log = logging.getLogger(__name__)


def deliver_due() -> int:
    """Send what is due, one after the other; return how many were taken."""
    try:
        by = signer()
    except NotConfigured:
        return 0
    waiting = Callback.objects.unclaimed().select_related("asked__request")
    return sum(_deliver(each, by) for each in waiting[:AT_ONCE])


def _deliver(callback: Callback, by: Signer) -> bool:
    if not Callback.objects.claim(callback, LEASE):
        return False
    callback.attempts += 1
    body = json.dumps(_body(callback)).encode()
    signature = by.sign(body)
    headers = {
        "Content-Type": "application/json",
        DOMAIN: by.domain,
        OLD_DOMAIN: by.domain,
        SIGNATURE: signature,
        OLD_SIGNATURE: signature,
    }
    _record(callback, _sent(callback.url, headers, body))
    return True


def _body(callback: Callback) -> dict[str, object]:
    """Say the status that the change led to, even where another followed it since."""
    said = reading.standing(callback.asked) | {"status_callback_url": callback.url, "request_status": callback.status}
    if callback.status != callback.asked.status:
        said.pop("results_url", None)
    return said


def _sent(url: str, headers: dict[str, str], body: bytes) -> str:
    """Return what went wrong, empty where it arrived."""
    # The address was written by a program: it reaches the company's own network only where the operator lists it.
    known = urlsplit(url).hostname in settings.OPENDSR_CALLBACK_HOSTS
    try:
        answer = fetch.send("POST", url, headers=headers, body=body, timeout=TIMEOUT_SECONDS, limit=0, internal=known)
    except fetch.Refused as error:
        return error.code
    except fetch.Unreachable as error:
        return error.reason
    return "" if 200 <= answer.status < 300 else f"status {answer.status}"


def _record(callback: Callback, reason: str) -> None:
    mine = Callback.objects.filter(pk=callback.pk, attempts=callback.attempts, state=CallbackState.WAITING)
    if not reason:
        mine.update(state=CallbackState.SENT, sent_at=Now(), lease_until=None, wake_at=None, reason="")
        return
    log.warning("opendsr callback %s: try %s failed: %s", callback.pk, callback.attempts, reason)
    if callback.attempts > len(WAITS):
        mine.update(state=CallbackState.FAILED, lease_until=None, wake_at=None, reason=reason)
        return
    mine.update(lease_until=None, wake_at=Now() + WAITS[callback.attempts - 1], reason=reason)
