"""What pages say of a gap: when nothing was taken, and why."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from django.utils.formats import date_format, time_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.events import gaps, stretches
from portal.events.enrolment.values import DEVICE_PAUSED, DEVICE_WAITING
from portal.events.gaps import HOURS, DayGap, Known
from portal.events.stretches import Stretch
from portal.people.models import Employee

REASONS: dict[str, str | Promise] = {
    stretches.PAUSED: gettext_lazy("you had paused"),
    stretches.RESTRICTED: gettext_lazy("you had restricted it"),
    stretches.AWAY: gettext_lazy("your account was closed"),
    stretches.NOT_AGREED: gettext_lazy("your representatives had not agreed to it"),
    stretches.NOT_ACKNOWLEDGED: gettext_lazy("you had not confirmed yet that you were told"),
    stretches.SAID_NO: gettext_lazy("you had said no"),
    stretches.LAPSED: gettext_lazy("your answer had run out"),
    stretches.RETIRED: gettext_lazy("its purpose had ended"),
    stretches.OFF: gettext_lazy("nothing was permitted"),
    stretches.DAY_OFF: gettext_lazy("you had marked the day"),
    HOURS: gettext_lazy("outside your working hours"),
    DEVICE_PAUSED: gettext_lazy("you had paused this device"),
    DEVICE_WAITING: gettext_lazy("this device waited for your answer"),
}


def name(why: str) -> str:
    """Return the word that fits a cell."""
    if why == stretches.PAUSED:
        return _("paused")
    return _("off") if why in REASONS else ""


def reason(why: str) -> str:
    return str(REASONS.get(why, ""))


def of_day(gap: DayGap, day: date, owner: Employee) -> list[str]:
    """Return `10:15 to 11:00: you had paused` for each stretch, or why nothing was taken on the day as a whole."""
    span, zone = gaps.span_of(day, owner), ZoneInfo(owner.time_zone)
    return [_of_day(part, span, zone) for part in gap.parts] or ([reason(gap.why)] if gap.why else [])


def of_days(known: Known, first: date, last: date) -> list[tuple[str, str]]:
    """Return (when, why) of what made gaps in these days."""
    zone = ZoneInfo(known.employee.time_zone)
    return [(when(each, first, last, zone), reason(each.why)) for each in known.between(first, last)]


def _of_day(part: Stretch, span: tuple[int, int], zone: ZoneInfo) -> str:
    clock = {"start": _clock(part.from_ms, zone), "end": _clock(part.to_ms, zone), "why": reason(part.why)}
    if (part.from_ms, part.to_ms) == span:
        return _("all day: %(why)s") % clock
    if part.from_ms == span[0]:
        return _("until %(end)s: %(why)s") % clock
    if part.to_ms == span[1]:
        return _("from %(start)s on: %(why)s") % clock
    return _("%(start)s to %(end)s: %(why)s") % clock


def when(part: Stretch, first: date, last: date, zone: ZoneInfo) -> str:
    """Return when a stretch of several days was; `first` and `last` are as far as it is looked at."""
    start, end = _local(part.from_ms, zone), _local(part.to_ms, zone)
    begins = "" if start.date() <= first and (start.hour, start.minute) == (0, 0) else _moment(start)
    ends = "" if end.date() > last else _moment(end)
    if begins and ends:
        same_day = start.date() == end.date()
        ends = time_format(end, "H:i") if same_day else ends
        return _("%(start)s to %(end)s") % {"start": begins, "end": ends}
    if begins:
        return _("from %(start)s on") % {"start": begins}
    return _("until %(end)s") % {"end": ends} if ends else _("all of it")


def _moment(local: datetime) -> str:
    return f"{date_format(local, 'D j M')}, {time_format(local, 'H:i')}"


def _clock(ms: int, zone: ZoneInfo) -> str:
    return time_format(_local(ms, zone), "H:i")


def _local(ms: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(zone)
