"""What may arrive at this moment, source by source and device by device, and why the rest may not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from consent.values import CATEGORIES, GateState, Withheld
from portal.events import permits, words
from portal.events.enrolment import reading as enrolment
from portal.events.enrolment.reading import Seen
from portal.events.enrolment.values import State
from portal.events.gatekeeping import Gatekeeper
from portal.people.models import Employee

ORDER = {reason.value: place for place, reason in enumerate(Withheld)}
# Why nothing is taken now; why something was dropped is said of what was.
WHY: dict[str, str | Promise] = {
    "not_permitted": _("nothing permits it"),
    "before_grant": _("you have not been told or said yes yet"),
    "paused": _("you have paused"),
    "restricted": _("you have restricted it"),
    "erased": _("a deletion of yours is under way"),
    "blocked_app": _("the app is blocked or private"),
    "unlisted_app": _("only apps on a list may be recorded"),
    "off_hours": _("it is outside your working hours"),
    "day_off": _("you marked this day"),
    "device_paused": _("you have paused this device"),
    "device_waiting": _("this device waits for your answer"),
    "device_ended": _("this device was removed"),
    "personal_device": _("this device is your own and you have not said yes to it"),
    "not_agreed": _("your representatives have not agreed to it"),
    "not_acknowledged": _("you have not confirmed yet that you were told"),
}


def why(reason: str) -> str:
    return str(WHY.get(reason, reason))


@dataclass(frozen=True)
class Sender:
    """A source, or a device for it: what of it may arrive now, and why nothing or not the rest does."""

    name: str
    source: str
    allowed: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    is_device: bool = True


def senders(employee: Employee, state: GateState | None, now: int, titles: dict[str, str]) -> list[Sender]:
    """Return each device that was set up, and each source that has none; nothing for a person nobody admitted."""
    keepers = permits.keepers(employee, state) if state else []
    running = [each for each in enrolment.collectors(employee.pk) if each.state != State.ENDED]
    found: list[Sender] = []
    for keeper in keepers:
        if keeper.flows:
            found += _of_source(keeper, [each for each in running if each.source == keeper.source], now, titles)
    return found


def _of_source(keeper: Gatekeeper, devices: Sequence[Seen], now: int, titles: dict[str, str]) -> list[Sender]:
    verdicts = {category: keeper.now(category, now) for category in CATEGORIES if category in keeper.flows}
    allowed = [words.category(each) for each, verdict in verdicts.items() if not verdict.reason]
    reasons = {verdict.reason for verdict in verdicts.values() if verdict.reason}
    shown = sorted(reasons, key=lambda reason: ORDER.get(reason, -1), reverse=True)
    title = titles.get(keeper.source, keeper.source)
    if not devices:
        return [Sender(title, title, allowed, list(map(why, shown)), is_device=not keeper.imported)]
    return [
        Sender(each.device_name, title, [] if each.bar else allowed, list(map(why, [each.bar] if each.bar else shown)))
        for each in devices
    ]
