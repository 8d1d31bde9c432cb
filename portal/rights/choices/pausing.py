"""How long a pause may last, what the menu says of it on every page, and where its button leads back to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent import gate
from consent.values import milliseconds

USUAL = "15"
# The end of an account's closing and of a pause without end is no time that a page could name.
FAR = timedelta(days=366)


def end_of_day(now: datetime) -> datetime:
    """Return the midnight that ends the day where the person is, whatever the clocks do meanwhile."""
    local = timezone.localtime(now)
    return datetime.combine(local.date() + timedelta(days=1), time.min, local.tzinfo)


LENGTHS: dict[str, tuple[str | Promise, Callable[[datetime], datetime]]] = {
    "15": (gettext_lazy("15 min"), lambda now: now + timedelta(minutes=15)),
    "30": (gettext_lazy("30 min"), lambda now: now + timedelta(minutes=30)),
    "60": (gettext_lazy("1 hour"), lambda now: now + timedelta(hours=1)),
    "120": (gettext_lazy("2 hours"), lambda now: now + timedelta(hours=2)),
    "day": (gettext_lazy("rest of day"), end_of_day),
}


def until(length: str, now: datetime) -> datetime:
    return LENGTHS.get(length, LENGTHS[USUAL])[1](now)


def clock(at: datetime) -> str:
    """Name a time to come as one says it: the hour alone where it is today, the day where it is not."""
    local, today = timezone.localtime(at), timezone.localdate()
    if local == end_of_day(timezone.now()):
        return _("midnight")
    hour = time_format(local, "H:i")
    return hour if local.date() == today else f"{date_format(local, 'l j F')}, {hour}"


@dataclass(frozen=True)
class Menu:
    """What the menu of a page needs: until when a pause is on, and the page that its button leads back to."""

    until: str
    back: str

    @property
    def lengths(self) -> list[tuple[str, str | Promise]]:
        return [(key, label) for key, (label, _ends) in LENGTHS.items()]


def menu(request: HttpRequest) -> Menu | None:
    """Read what the menu says, with the one query that it costs; None for whoever is not signed in."""
    if not request.user.is_authenticated:
        return None
    state = gate.read(request.user.pk)
    now = timezone.now()
    ends = state.paused_until(milliseconds(now)) if state else None
    return Menu(_said(ends, now) if ends else "", _page(request))


def _said(ends_ms: int, now: datetime) -> str:
    if ends_ms > (now + FAR).timestamp() * 1000:
        return _("you end it")
    return clock(datetime.fromtimestamp(ends_ms / 1000, UTC))


def _page(request: HttpRequest) -> str:
    """Return the address to come back to; an answer to a form stands on the page that the form was on."""
    if request.method in {"GET", "HEAD"}:
        return request.get_full_path()
    referer = urlsplit(request.headers.get("Referer", ""))
    if referer.netloc != request.get_host():
        return "/"
    return f"{referer.path}?{referer.query}" if referer.query else referer.path


def own_path(wanted: str) -> str:
    """Return an address of this site as it was given, for anything else the overview."""
    mine = wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if mine else "/"
