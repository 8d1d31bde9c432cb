"""What devices do after a no: their last event, whether they asked since what they may send, and whether they go on.

A device is who sends (a collector or a program) for a source. What is written down of it is sealed under the person's
evidence key; operators learn which installation goes on, never whose it is.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
import pyarrow.compute as pc
from allauth.idp.oidc.models import Client
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from msgspec import Struct

from consent.values import GateState, Withheld, milliseconds
from portal.events import endings, reading
from portal.events.endings import End
from portal.events.enrolment import reading as enrolled
from portal.events.models import BatchReceipt, LastFocus, Sender, StillSending
from portal.events.tally import DayTally
from portal.people.models import Employee
from portal.register.models import Source
from portal.register.values import Kind
from portal.vault import cipher, keys, serverkey

# How many days with events are gone through for a device's last one, newest first.
MOST_DAYS = 7
KEPT_DAYS = 60
LISTED = timedelta(days=7)
FORGOTTEN = timedelta(days=31)
COLLECTOR = "collector"


class Stop(Struct):
    """What ended for one purpose, in ms: `last` is the device's last event for it; the first asking since confirms."""

    at: int
    categories: list[str]
    last: int | None = None
    confirmed: int | None = None
    version: int | None = None


class Told(Struct):
    """What is written down of a device; `days` are those on which it sent what nothing permits."""

    stops: dict[str, Stop] = msgspec.field(default_factory=dict)
    asked: int | None = None
    days: list[date] = msgspec.field(default_factory=list)


@dataclass(frozen=True)
class Device:
    """A device as the person is shown it."""

    name: str
    source_title: str
    last_event: datetime | None
    confirmed_at: datetime | None
    still_sending_days: list[date] = field(default_factory=list)


Named = tuple[str, str]  # (writer, source)
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Told).decode


def opened(row: Sender) -> Told:
    if not row.sealed:
        return Told()
    return _decode(keys.open_evidence(row.subject_id, bytes(row.sealed), _bound(row)))


def _bound(row: Sender) -> bytes:
    return cipher.aad("sender", row.subject_id, row.writer, row.source)


def _change(subject_id: UUID, named: Named, change: Callable[[Told], bool]) -> None:
    """Change what is written down of a device, made known if need be; `change` returns whether it has to ask anew."""
    writer, source = named
    with transaction.atomic():
        whose = {"subject_id": subject_id, "writer": writer, "source": source}
        Sender.objects.bulk_create([Sender(**whose, sealed=b"")], ignore_conflicts=True)
        row = Sender.objects.select_for_update().get(**whose)
        told = opened(row)
        row.waiting = change(told)
        row.sealed = keys.seal_evidence(subject_id, _encode(told), _bound(row))
        row.save(update_fields=["waiting", "sealed"])


# --- at the stop


def stopped(subject_id: UUID, purposes: Collection[str] | None = None) -> None:
    """Write down each device's last event for what has ended, and that it has to ask anew; safe to repeat.

    Call it after the commit that ended it, and again before anything is erased: None stands for every purpose.
    """
    found = endings.ended(subject_id, purposes)
    reach = _of_devices({source for end in found.values() for source in end.covers})
    if not reach:
        return
    last = _last_events(subject_id, reach)
    rows = Sender.objects.for_subject(subject_id).filter(source__in=reach)
    zone = ZoneInfo(Employee.objects.values_list("time_zone", flat=True).get(pk=subject_id))
    for named in {*last, *rows.values_list("writer", "source")}:
        _change(subject_id, named, _stopping(found.values(), named, last.get(named, {}), zone))


def _of_devices(sources: Collection[str]) -> set[str]:
    """Leave out imports: they are somebody's act, and no device asks for them."""
    known = Source.objects.exclude(kind=Kind.IMPORT).filter(pk__in=sources)
    return set(known.values_list("pk", flat=True)) if sources else set()


def _stopping(found: Iterable[End], named: Named, last: Mapping[str, int], zone: ZoneInfo) -> Callable[[Told], bool]:
    def change(told: Told) -> bool:
        here = [end for end in found if named[1] in end.covers]
        for end in here:
            stop = told.stops.get(end.purpose)
            if stop is None or stop.at != milliseconds(end.at):
                told.stops[end.purpose] = stop = Stop(milliseconds(end.at), sorted(end.covers[named[1]]))
                told.days = [day for day in told.days if day < end.at.astimezone(zone).date()]
            stop.last = max(filter(None, (stop.last, last.get(end.purpose))), default=None)
        return any(stop.confirmed is None for stop in told.stops.values())

    return change


def _last_events(subject_id: UUID, sources: Collection[str]) -> dict[Named, dict[str, int]]:
    """Return the time of the last event of each device for each purpose, as far as it is still there."""
    found: dict[Named, dict[str, int]] = {}
    writers = set(BatchReceipt.objects.filter(subject_id=subject_id).values_list("writer", flat=True).distinct())
    counted = reading.counted(subject_id)
    days = [day for day in sorted(counted, reverse=True) if _has(counted[day], sources)]
    for day in days[:MOST_DAYS]:
        for named, purposes, last in _of_day(subject_id, date.fromisoformat(day)):
            of_device = found.setdefault(named, {})
            for purpose in purposes.split(","):
                of_device[purpose] = max(last, of_device.get(purpose, last))
        if writers <= {writer for writer, _source in found}:
            break
    return {named: last for named, last in found.items() if named[1] in sources}


def _has(counted: DayTally, sources: Collection[str]) -> bool:
    return any(source in sources and tally.events for source, tally in counted.sources.items())


def _of_day(subject_id: UUID, day: date) -> list[tuple[Named, str, int]]:
    table = reading.stored(subject_id, day).select(["collector", "source", "purposes", "t"])
    grouped = table.filter(pc.is_valid(table["purposes"])).group_by(["collector", "source", "purposes"])
    rows = grouped.aggregate([("t", "max")]).to_pylist()
    return [((row["collector"], row["source"]), row["purposes"], row["t_max"]) for row in rows]


# --- what devices do


def asked(sender: Sender | None, state: GateState) -> None:
    """A device asked what it may send: written down once after each stop, so that asking stays cheap."""
    if sender is None or not sender.waiting:
        return
    now = milliseconds(timezone.now())

    def change(told: Told) -> bool:
        told.asked = now
        for stop in told.stops.values():
            if stop.confirmed is None:
                stop.confirmed, stop.version = now, state.version
        return False

    _change(sender.subject_id, (sender.writer, sender.source), change)


def sent(state: GateState, named: Named, today: date, sender: Sender | None, dropped: Collection[str] | None) -> None:
    """A device sent what nothing permits: written down as the fact, once a day.

    `dropped` are the categories of which nothing was permitted; None stands for all that it sent.
    """
    told = opened(sender) if sender else Told()
    if today in told.days:
        return
    if dropped is not None and not any(_stands(told, state, category) for category in dropped):
        return
    _change(state.subject_id, named, lambda told: _note(told, today, is_new=sender is None))
    _tell_operators(named[0], today)


def _stands(told: Told, state: GateState, category: str) -> bool:
    return any(category in stop.categories and purpose not in state.grants for purpose, stop in told.stops.items())


def _note(told: Told, today: date, *, is_new: bool) -> bool:
    told.days = sorted({*told.days, today})[-KEPT_DAYS:]
    return is_new or any(stop.confirmed is None for stop in told.stops.values())


def not_permitted(withheld: Iterable[Mapping[str, Mapping[str, int]]]) -> set[str]:
    """Return the categories of which something was withheld because nothing permits it."""
    return {
        category for each in withheld for category, reasons in each.items() if Withheld.NOT_PERMITTED.value in reasons
    }


def _tell_operators(writer: str, today: date) -> None:
    row = StillSending(collector=installation(writer), day=today)
    StillSending.objects.bulk_create([row], update_conflicts=True, unique_fields=["collector"], update_fields=["day"])
    StillSending.objects.filter(day__lt=today - FORGOTTEN).delete()


def installation(writer: str) -> str:
    """Return an id that tells operators which installation it is: a program's on behalf of a person without the person.

    The digest needs the server's key: nobody can try who it may be.
    """
    program, _slash, person = writer.partition("/")
    return f"{program}/{serverkey.hmac(writer.encode()).hex()[:12]}" if person else program


def noisy() -> list[str]:
    """Return the ids of the installations that sent, in the last days, what nobody may keep."""
    since = timezone.now().date() - LISTED
    return list(StillSending.objects.filter(day__gte=since).order_by("collector").values_list("collector", flat=True))


# --- what the person is shown


def after_stops(subject_id: UUID) -> dict[str, tuple[End, list[Device]]]:
    """Return for each purpose that ended when and for what it did, and what the devices did since."""
    found = endings.ended(subject_id)
    if not found:
        return {}
    rows = [(row, opened(row)) for row in Sender.objects.for_subject(subject_id).order_by("source", "writer")]
    names = _names({row.writer for row, _told in rows}, subject_id)
    titles = dict(Source.objects.values_list("key", "title"))
    zone = ZoneInfo(Employee.objects.values_list("time_zone", flat=True).get(pk=subject_id))
    return {
        purpose: (
            end,
            [
                _device(end, told, names.get(row.writer, ""), titles.get(row.source, row.source), zone)
                for row, told in rows
                if row.source in end.covers
            ],
        )
        for purpose, end in found.items()
    }


def after_stop(subject_id: UUID, purpose_key: str) -> list[Device]:
    """Return what the devices did since this purpose ended; nothing where it did not."""
    found = after_stops(subject_id).get(purpose_key)
    return found[1] if found else []


def written(subject_id: UUID) -> list[dict[str, Any]]:
    """Return all that is written down of a person's devices, as a copy holds it: a row for each thing that ended."""
    rows = list(Sender.objects.for_subject(subject_id).order_by("source", "writer"))
    names = _names({row.writer for row in rows}, subject_id)
    found = []
    for row in rows:
        told = opened(row)
        device = {"device": names.get(row.writer) or row.writer, "source": row.source}
        after = {"sent_unpermitted_on": [day.isoformat() for day in told.days]}
        for purpose, stop in sorted(told.stops.items()) or [("", None)]:
            times = (stop.at, stop.last, stop.confirmed) if stop else (None, None, told.asked)
            said = dict(zip(("ended_at", "last_event", "asked_after"), map(_stamp, times), strict=True))
            found.append(device | {"purpose": purpose} | said | after)
    return found


def _stamp(ms: int | None) -> str:
    at = _moment(ms)
    return at.isoformat() if at else ""


def _device(end: End, told: Told, name: str, title: str, zone: ZoneInfo) -> Device:
    stop, at = told.stops.get(end.purpose), milliseconds(end.at)
    asked = told.asked if told.asked is not None and told.asked >= at else None
    stop = stop if stop is not None and stop.at == at else None
    return Device(
        name=name or title,
        source_title=title,
        last_event=_moment(stop.last if stop else None),
        confirmed_at=_moment((stop.confirmed if stop else None) or asked),
        still_sending_days=[day for day in told.days if day >= end.at.astimezone(zone).date()],
    )


def known(subject_id: UUID) -> dict[str, str]:
    """Return the devices that sent in the last weeks, or were written down since, and what each is called."""
    first, *others = (
        model.objects.for_subject(subject_id).values_list("writer", flat=True)
        for model in (BatchReceipt, Sender, LastFocus)
    )
    writers = set(first.order_by().union(*(each.order_by() for each in others)))
    return named(writers) | enrolled.names(subject_id, writers)


def named(writers: Collection[str]) -> dict[str, str]:
    """Return what each is called where a person reads it, two never the same."""
    programs, found = _names(writers), dict[str, str]()
    for writer in sorted(writers):
        kind, _colon, rest = writer.partition(":")
        name = programs.get(writer) or (rest if kind == COLLECTOR else _("Recordings that were handed in"))
        found[writer] = name if name not in found.values() else f"{name} ({rest.partition('/')[0][-6:] or kind})"
    return found


def _names(writers: Collection[str], whose: UUID | None = None) -> dict[str, str]:
    """Return what the programs behind these are called, and for whose they are what they call their devices."""
    ids = {writer: writer.removeprefix("client:").partition("/")[0] for writer in writers if writer[:7] == "client:"}
    known = dict(Client.objects.filter(pk__in=set(ids.values())).values_list("pk", "name"))
    called = {writer: known.get(each, "") for writer, each in ids.items()}
    return called | (enrolled.names(whose, writers) if whose else {})


def _moment(ms: int | None) -> datetime | None:
    return None if ms is None else datetime.fromtimestamp(ms / 1000, UTC)
