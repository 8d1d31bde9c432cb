"""When single devices of a person were paused or still waited for an answer, as the trail has it; of others came on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from consent.values import FOREVER_MS, milliseconds
from portal.audit.models import Act
from portal.audit.values import Action
from portal.events.enrolment import reading
from portal.events.enrolment.reading import Seen
from portal.events.enrolment.values import DEVICE_PAUSED, DEVICE_WAITING, WRITER
from portal.events.stretches import Stretch
from portal.events.timeline.bands import Span

BEGINS = {Action.COLLECTOR_PAUSED: DEVICE_PAUSED, Action.COLLECTOR_INSTALLED: DEVICE_WAITING}
ENDS = (Action.COLLECTOR_RESUMED, Action.COLLECTOR_ANSWERED, Action.COLLECTOR_ENDED)


@dataclass(frozen=True)
class OfDevice:
    """A device, and when nothing of it could be taken."""

    name: str
    stretches: list[Stretch]


def of_day(subject_id: UUID, span: Span, now: int) -> list[OfDevice]:
    """Return the devices of which nothing could be taken for some of a day, as far as the day has come."""
    end = min(span[1], now)
    found = {key: [each for each in mine if each.from_ms < end] for key, mine in _all(subject_id).items()}
    found = {key: _cut(mine, span[0], end) for key, mine in found.items()}
    names = reading.names(subject_id, [f"{WRITER}{key}" for key, mine in found.items() if mine])
    return [OfDevice(names.get(f"{WRITER}{key}", key), mine) for key, mine in sorted(found.items()) if mine]


def _cut(mine: Sequence[Stretch], start: int, end: int) -> list[Stretch]:
    cut = (Stretch(max(start, each.from_ms), min(end, each.to_ms), each.why) for each in mine)
    return [each for each in cut if each.from_ms < each.to_ms]


def _all(subject_id: UUID) -> dict[str, list[Stretch]]:
    acts = Act.objects.for_subject(subject_id).filter(action__in=[*BEGINS, *ENDS]).order_by("at", "pk")
    found: dict[str, list[Stretch]] = {}
    for act in acts:
        mine, at = found.setdefault(str(act.facts.get("collector", "")), []), milliseconds(act.at)
        if mine and mine[-1].to_ms == FOREVER_MS:
            mine[-1] = Stretch(mine[-1].from_ms, at, mine[-1].why)
        if act.action in BEGINS:
            mine.append(Stretch(at, FOREVER_MS, BEGINS[Action(act.action)]))
    return found


def none_joined(subject_id: UUID, day: date) -> bool:
    """Whether the person has devices, and none of them was joined on this day."""
    known = reading.collectors(subject_id)
    return bool(known) and not any(_was_joined(each, day) for each in known)


def _was_joined(device: Seen, day: date) -> bool:
    return device.joined <= day and (device.ended is None or device.ended >= day)
