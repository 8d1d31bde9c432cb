"""What is known of a person's collectors, for their own pages: nobody else's page opens a name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

from allauth.idp.oidc.models import Token
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy

from portal.events.enrolment import countries
from portal.events.enrolment.models import Called, Collector, Device
from portal.events.enrolment.values import PERSONAL_DEVICE, WRITER, How, State, bar
from portal.register.models import Source

# Who installed a collector knows its number and whose it is: that they paused it is nobody else's to see.
OF_ANOTHER = {
    State.WAITING: gettext_lazy("waits for its person"),
    State.ACTIVE: gettext_lazy("connected"),
    State.PAUSED: gettext_lazy("connected"),
    State.ENDED: gettext_lazy("removed"),
}
JOINED = {How.CODE: gettext_lazy("by a code"), How.FILE: gettext_lazy("by an enrolment file")}
BARRED = {PERSONAL_DEVICE: gettext_lazy("your own device, without your yes")}


@dataclass(frozen=True)
class Seen:
    """A collector as its person sees it; `connected` is one that holds a token, `bar` why nothing of it is kept."""

    pk: UUID
    writer: str
    source: str
    source_title: str
    device_name: str
    account: str
    system: str
    state: str
    how: str
    ownership: str
    agreed: bool
    country: str
    connected: bool
    bar: str
    joined: date
    ended: date | None

    @property
    def says(self) -> str:
        """How it stands, in words."""
        return str(BARRED[self.bar]) if self.bar in BARRED else str(State(self.state).label)

    @property
    def how_words(self) -> str:
        return str(How(self.how).label)


@dataclass(frozen=True)
class SeenDevice:
    """A device and what runs on it; collectors that were removed stand apart."""

    pk: UUID
    called: Called
    ownership: str
    agreed: bool
    country: str
    running: list[Seen] = field(default_factory=list)
    removed: list[Seen] = field(default_factory=list)

    @property
    def answered(self) -> bool:
        """Whether anything on it was answered for: until then the answer asks whose it is and where."""
        return any(each.state != State.WAITING for each in self.running)

    @property
    def place(self) -> str:
        return countries.name(self.country) if self.country else ""


def collectors(subject_id: UUID) -> list[Seen]:
    """Return a person's collectors, those that were removed too; always the same number of queries."""
    titles = dict(Source.objects.values_list("key", "title"))
    connected = _connected(subject_id)
    return [
        _seen(each, titles.get(each.source, each.source), connected=str(each.pk) in connected)
        for each in _listed(subject_id)
    ]


def devices(subject_id: UUID) -> list[SeenDevice]:
    by_device: dict[UUID, list[Seen]] = defaultdict(list)
    of_device = dict(Collector.objects.for_subject(subject_id).values_list("pk", "device_id"))
    for each in collectors(subject_id):
        by_device[of_device[each.pk]].append(each)
    found = [_device(each, by_device[each.pk]) for each in Device.objects.for_subject(subject_id)]
    return sorted(found, key=lambda each: (not each.running, each.called.name.casefold()))


def names(subject_id: UUID, writers: Collection[str]) -> dict[str, str]:
    """Return what the person calls the devices of these collectors, two never the same."""
    ids = [found for found in map(number_of, writers) if found]
    if not ids:
        return {}
    rows = Collector.objects.for_subject(subject_id).filter(pk__in=ids).select_related("device").order_by("pk")
    found: dict[str, str] = {}
    for each in rows:
        name = each.device.opened().name
        found[each.writer] = name if name not in found.values() else f"{name} ({str(each.pk)[-6:]})"
    return found


def state_words(row: Collector) -> str:
    return str(OF_ANOTHER[State(row.state)])


def how_words(row: Collector) -> str:
    return str(JOINED[How(row.how)])


def number_of(writer: str) -> UUID | None:
    """Return the collector that is meant; what stands in an address may be anything."""
    try:
        return UUID(writer.removeprefix(WRITER)) if writer.startswith(WRITER) else None
    except ValueError:
        return None


def waiting(subject_id: UUID) -> int:
    """Return how many collectors wait for the person's answer."""
    return Collector.objects.for_subject(subject_id).filter(state=State.WAITING).count()


def rows(subject_id: UUID) -> list[dict[str, Any]]:
    """Return a person's collectors as a copy holds them: one query, without what a page says beside."""
    return [
        {
            "device": each.device_name,
            "system": each.system,
            "account": each.account,
            "source": each.source,
            "collector": str(each.pk),
            "state": each.state,
            "joined_by": each.how,
            "ownership": each.ownership,
            "agreed_to_own_device": each.agreed,
            "country": each.country,
            "joined": each.joined.isoformat(),
            "removed": each.ended.isoformat() if each.ended else "",
        }
        for each in (_seen(row, row.source, connected=False) for row in _listed(subject_id))
    ]


def _listed(subject_id: UUID) -> QuerySet[Collector]:
    return Collector.objects.for_subject(subject_id).select_related("device").order_by("-joined", "pk")


def _connected(subject_id: UUID) -> set[str]:
    held = Token.objects.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()), user=subject_id)
    return {data["collector"] for data in held.values_list("data", flat=True) if data and "collector" in data}


def _seen(row: Collector, title: str, *, connected: bool) -> Seen:
    called = row.device.opened()
    return Seen(
        pk=row.pk,
        writer=row.writer,
        source=row.source,
        source_title=title,
        device_name=called.name,
        account=row.account(),
        system=called.system,
        state=row.state,
        how=row.how,
        ownership=row.device.ownership,
        agreed=row.device.agreed,
        country=row.device.country,
        connected=connected,
        bar=bar(row.state, row.device.ownership, row.device.agreed),
        joined=row.joined,
        ended=row.ended,
    )


def _device(row: Device, on_it: list[Seen]) -> SeenDevice:
    return SeenDevice(
        pk=row.pk,
        called=row.opened(),
        ownership=row.ownership,
        agreed=row.agreed,
        country=row.country,
        running=[each for each in on_it if each.state != State.ENDED],
        removed=[each for each in on_it if each.state == State.ENDED],
    )
