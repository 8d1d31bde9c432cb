"""Where a mail or a webhook stands, what a webhook tells, and how long each waits before the next try: no database."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

Facts = dict[str, str | int]


class State(TextChoices):
    """A mail is sent, has nobody to go to, or is left to people."""

    WAITING = "waiting", _("Waiting")
    SENT = "sent", _("Sent")
    NOBODY = "nobody", _("Nobody to send it to")
    NEEDS_ATTENTION = "needs_attention", _("Needs attention")


MOST_ATTEMPTS = 5
# A worker that died while sending, or a server that fell silent, may have sent it: then it is tried once more only.
MOST_UNCLEAR = 2
LEASE = timedelta(seconds=60)
# What a server that is down costs: everything waits as long, and nothing counts as tried.
AWAY = timedelta(seconds=30)
_WAITS = (timedelta(seconds=30), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=3))


def wait_after(attempts: int) -> timedelta:
    """Return how long to wait after that many tries, the longest from then on."""
    return _WAITS[min(attempts, len(_WAITS)) - 1]


# --- webhooks


class Told(TextChoices):
    """What an endpoint can be told of; each says that something happened, and nothing of what."""

    REQUEST_OPENED = "request.opened", _("A request was opened")
    REQUEST_READY = "request.ready", _("A copy is ready")
    REQUEST_DONE = "request.done", _("A request has come to its end")
    CONSENT_WITHDRAWN = "consent.withdrawn", _("Somebody took a yes back")
    RELEASE_CHANGED = "release.changed", _("A release of training data changed")
    ACCESS_REFUSED = "access.refused", _("Somebody was kept from another person's data")


# What a program must be allowed to read to be told of it: a webhook says no more than the API would.
NEEDS = {
    Told.REQUEST_OPENED: "requests.read",
    Told.REQUEST_READY: "requests.read",
    Told.REQUEST_DONE: "requests.read",
    Told.CONSENT_WITHDRAWN: "consent.read",
    Told.RELEASE_CHANGED: "releases.read",
    Told.ACCESS_REFUSED: "",
}
# That it is sent at all says how a person answered: only a program that may read answers is told, and the telling is
# an access that the person sees.
TELLS_AN_ANSWER = frozenset({Told.CONSENT_WITHDRAWN})


class Off(TextChoices):
    """Why an endpoint is told nothing."""

    OPERATOR = "operator", _("An operator switched it off")
    GONE = "gone", _("It answered 410: it wants nothing more")
    FAILING = "failing", _("It took nothing through a whole round of tries")
    CLIENT = "client", _("Its program has ended or may no longer read what it was told of")


class Course(TextChoices):
    """How far the telling of one thing to one endpoint is."""

    WAITING = "waiting", _("Waiting")
    SENT = "sent", _("Taken")
    FAILED = "failed", _("Given up")


# After Standard Webhooks 1.0.0: ten tries, the last of them three days after the first.
TRIES_AFTER = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
MOST_TRIES = len(TRIES_AFTER) + 1
JITTER = 0.1
# Longer than a call may take, with time to write down how it ended.
CALL_LEASE = timedelta(seconds=60)
OVERLAP = timedelta(hours=24)
_REST, _LONGEST_REST = timedelta(seconds=5), timedelta(minutes=5)


def next_try(tries: int, chance: float) -> timedelta | None:
    """Return how long to wait after that many tries, None after the last; `chance` (0 to 1) spreads them."""
    if tries >= MOST_TRIES:
        return None
    return TRIES_AFTER[tries - 1] * (1 + JITTER * chance)


def rest_after(silences: int) -> timedelta:
    """Return how long an endpoint that gave no answer so many times in a row is left alone with everything."""
    return min(_REST * 2 ** min(silences - 1, 10), _LONGEST_REST)
