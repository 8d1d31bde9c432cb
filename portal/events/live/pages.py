"""What the live page shows: what arrives, from which device, what is dropped and why, or why nothing arrives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.urls import reverse
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _

from consent import gate
from consent.values import GateState
from portal.events import charts, pages, words
from portal.events.called import called
from portal.events.live import arrivals, permitted
from portal.events.live.arrivals import Arrival
from portal.events.live.permitted import Sender
from portal.events.live.since import Since
from portal.events.timeline.card import app_name
from portal.people.models import Employee

# So long after the last arrival a page still says that something arrives: collectors send every ten seconds.
ARRIVING_MS = 15_000


@dataclass(frozen=True)
class Count:
    """How much of what, and its colour."""

    name: str
    count: int
    token: str = ""


@dataclass(frozen=True)
class Row:
    """One arrival, as shown."""

    device: str
    source: str
    day: date
    href: str
    times: str
    apps: str
    kept: list[Count]
    dropped: list[Count]
    is_new: bool


@dataclass(frozen=True)
class Live:
    """The page at one moment."""

    tone: str
    headline: str
    opened: str
    last: str
    kept: list[Count]
    dropped: list[Count]
    rows: list[Row]
    senders: list[Sender]


def began(subject_id: UUID, now: int) -> Since:
    """Return from where a page counts that is opened now."""
    there, newest = arrivals.totals(subject_id), arrivals.newest(subject_id)
    last = newest[0].pk if newest else 0
    return Since(at=now, kept=there.kept, dropped=there.dropped, first=last, last=last)


def look(owner: Employee, since: Since, now: int) -> tuple[Live, Since]:
    """Return what the page shows now, and from where the next look goes on."""
    found, there = arrivals.newest(owner.pk), arrivals.totals(owner.pk)
    last = max([since.last, *(each.pk for each in found)])
    last_at = now if last > since.last else since.last_at
    state, titles = gate.read(owner.pk), pages.source_titles()
    senders = permitted.senders(owner, state, now, titles)
    rows = _rows(owner, found, titles, since)
    arriving = [row for row in rows if row.is_new] if now - last_at < ARRIVING_MS else []
    tone, headline = _headline(state, senders, arriving, now, owner)
    live = Live(
        tone=tone,
        headline=headline,
        opened=_clock(since.at, owner, seconds=True),
        last=_clock(last_at, owner, seconds=True) if last_at else "",
        kept=_kept(_more(there.kept, since.kept)),
        dropped=_dropped(_more(there.dropped, since.dropped)),
        rows=rows,
        senders=senders,
    )
    return live, Since(since.at, since.kept, since.dropped, since.first, last, last_at, since.said, since.shown)


def _more(now: Mapping[str, int], before: Mapping[str, int]) -> dict[str, int]:
    """Return what came in since; what was deleted meanwhile takes nothing away from it below nothing."""
    return {key: count - before.get(key, 0) for key, count in now.items() if count > before.get(key, 0)}


def _kept(counts: Mapping[str, int]) -> list[Count]:
    return [Count(words.category(key), counts[key], token) for key, token in charts.TOKENS.items() if key in counts]


def _dropped(counts: Mapping[str, int]) -> list[Count]:
    return [Count(words.dropped(key), count) for key, count in sorted(counts.items(), key=lambda each: -each[1])]


def _rows(owner: Employee, found: Sequence[Arrival], titles: Mapping[str, str], since: Since) -> list[Row]:
    named = called(owner.pk, {each.writer for each in found})
    return [
        Row(
            device=named[each.writer],
            source=", ".join(titles.get(key, key) for key in each.sources),
            day=each.day,
            href=reverse("day", args=[owner.pk, each.day]),
            times=_times(each, owner),
            apps=", ".join(map(app_name, each.apps)),
            kept=_kept(each.kept),
            dropped=_dropped(each.dropped),
            is_new=each.pk > since.first,
        )
        for each in found
    ]


def _times(each: Arrival, owner: Employee) -> str:
    if each.times is None:
        return ""
    first, last = (_clock(ms, owner, seconds=True) for ms in each.times)
    return first if first == last else _("%(start)s to %(end)s") % {"start": first, "end": last}


def _headline(
    state: GateState | None, senders: Sequence[Sender], arriving: Sequence[Row], now: int, owner: Employee
) -> tuple[str, str]:
    if state is not None and state.closed:
        return "stop", _("Nothing is accepted while the log of decisions is being checked.")
    names = ", ".join(dict.fromkeys(row.device for row in arriving))
    if any(row.kept for row in arriving):
        return "", _("Arriving now, from %(devices)s.") % {"devices": names}
    if arriving:
        return "off", _("%(devices)s sends, and all of it is dropped on arrival.") % {"devices": names}
    until = state.paused_until(now) if state else None
    if until is not None:
        return "off", _("Nothing is taken: you have paused until %(when)s.") % {"when": _moment(until, owner)}
    # Recordings may be handed in at any time; what is asked here is whether devices may send.
    asked = [sender for sender in senders if sender.is_device] or senders
    if any(sender.allowed for sender in asked):
        return "", _("Nothing arrives at this moment.")
    reasons = list(dict.fromkeys(sender.reasons[0] for sender in asked if sender.reasons))
    if reasons:
        return "off", _("Nothing is taken: %(why)s.") % {"why": "; ".join(reasons)}
    return "off", _("Nothing is taken: no source collects from you.")


def _moment(ms: int, owner: Employee) -> str:
    local = datetime.fromtimestamp(ms / 1000, UTC).astimezone(ZoneInfo(owner.time_zone))
    return f"{date_format(local, 'j F')}, {time_format(local, 'H:i')}"


def _clock(ms: int, owner: Employee, *, seconds: bool = False) -> str:
    local = datetime.fromtimestamp(ms / 1000, UTC).astimezone(ZoneInfo(owner.time_zone))
    return time_format(local, "H:i:s" if seconds else "H:i")
