"""What a person is told of their devices after something ended, in sentences that claim no more than is so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.translation import gettext as _

from portal.events import devices
from portal.events.devices import Device

# Of more days than this the others are counted.
MOST_NAMED = 3


@dataclass(frozen=True)
class Line:
    """A device as `choices/_devices.html` shows it; `state` is a word, `tone` that of its tag."""

    name: str
    state: str
    tone: str
    says: list[str]


def after_stops(subject_id: UUID) -> dict[str, list[Line]]:
    """Return for each purpose that ended what its devices did since."""
    found = devices.after_stops(subject_id)
    return {purpose: [line(each) for each in after] for purpose, (_end, after) in found.items()}


def line(device: Device) -> Line:
    state, tone = _state(device)
    return Line(_name(device), state, tone, _says(device))


def _name(device: Device) -> str:
    if device.name == device.source_title:
        return device.name
    return _("%(name)s, for %(source)s") % {"name": device.name, "source": device.source_title}


def _state(device: Device) -> tuple[str, str]:
    if device.still_sending_days:
        return _("still sends"), "stop"
    return (_("confirmed"), "") if device.confirmed_at else (_("has not confirmed"), "off")


def _says(device: Device) -> list[str]:
    said = []
    if device.confirmed_at:
        told = _("It confirmed at %(when)s: it asked what it may send, and was told.")
        said.append(told % {"when": _when(device.confirmed_at)})
    else:
        said.append(_("Since then it has not asked what it may send."))
    if device.last_event:
        said.append(_("Its last event taken for this is from %(when)s.") % {"when": _when(device.last_event)})
    if device.still_sending_days:
        days = _days(device.still_sending_days)
        said.append(_("It sent afterwards, on %(days)s; what it sent was dropped on arrival.") % {"days": days})
    return said


def _days(days: Sequence[date]) -> str:
    text = ", ".join(date_format(day, "j F") for day in days[-MOST_NAMED:])
    more = len(days) - MOST_NAMED
    return _("%(days)s and %(more)d days before") % {"days": text, "more": more} if more > 0 else text


def _when(at: datetime) -> str:
    """Return `09:12`, and the day with it unless that is today."""
    local = timezone.localtime(at)
    clock = time_format(local, "H:i")
    if local.date() == timezone.localdate():
        return clock
    return _("%(clock)s on %(day)s") % {"clock": clock, "day": date_format(local, "j F Y")}
