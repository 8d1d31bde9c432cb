"""Where a mail stands, and how long it waits before it is tried again: no database."""

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
