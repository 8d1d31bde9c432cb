"""Everything the register says of one purpose, read once: notices and their terms are written from the same rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from consent.models import Purpose
from portal.register.models import (
    Assessment,
    Controller,
    Flow,
    Processor,
    PurposeRecord,
    Recipient,
    Retention,
    Source,
    WorksAgreement,
)
from portal.register.standing import ALL, concerns


@dataclass(frozen=True)
class Entry:
    """A live purpose with the live flows that serve it, and whatever these name.

    A purpose that only tells people of the monitoring has no flows; it tells of those of every other purpose.
    """

    purpose: Purpose
    record: PurposeRecord
    flows: tuple[Flow, ...]
    watching: tuple[Flow, ...]
    recipients: tuple[Recipient, ...]
    processors: tuple[Processor, ...]
    periods: tuple[Retention, ...]
    assessments: tuple[Assessment, ...]
    agreements: tuple[WorksAgreement, ...]
    controller: Controller | None

    @property
    def key(self) -> str:
        return self.purpose.key

    @property
    def only_tells(self) -> bool:
        """Return whether it is a notice to be acknowledged, which permits nothing by itself."""
        return self.record.must_acknowledge

    @cached_property
    def sources(self) -> list[Source]:
        return list({flow.source_id: flow.source for flow in self.flows}.values())

    def flows_of(self, source: Source) -> list[Flow]:
        return [flow for flow in self.flows if flow.source_id == source.key]

    def places_of(self, source: Source) -> dict[str, list[str]]:
        """Return where the source is active, as `only_in` or `not_in`: an agreement holds in its own country."""
        agreed = {each.country for each in self.agreements if each.source_id == source.key}
        if self.controller is None or not self.controller.agreement_required or ALL in agreed:
            return {}
        if not self.controller.agreement_countries:
            return {"only_in": sorted(agreed)}
        lacking = sorted(set(self.controller.agreement_countries) - agreed)
        return {"not_in": lacking} if lacking else {}

    def period(self, category: str) -> Retention | None:
        return next((each for each in self.periods if each.category == category), None)


def read(purpose_key: str) -> Entry:
    record = PurposeRecord.objects.get(purpose_key=purpose_key)
    flows = _flows(purpose_key)
    sources = {flow.source_id for flow in flows}
    return Entry(
        purpose=Purpose.objects.get(pk=purpose_key),
        record=record,
        flows=flows,
        watching=_watching(record),
        recipients=tuple(Recipient.objects.filter(pk__in=record.recipients or []).order_by("key")),
        processors=tuple(Processor.objects.order_by("key")),
        periods=tuple(Retention.objects.filter(purpose_key=purpose_key).order_by("category")),
        assessments=tuple(Assessment.objects.filter(source__in=sources).order_by("source")),
        agreements=tuple(WorksAgreement.objects.filter(source__in=sources).order_by("source", "country")),
        controller=Controller.objects.first(),
    )


def _flows(purpose_key: str) -> tuple[Flow, ...]:
    found = Flow.objects.live().filter(purpose_key=purpose_key)
    return tuple(found.select_related("source").order_by("source", "category"))


def _watching(record: PurposeRecord) -> tuple[Flow, ...]:
    """Return what is collected from the people whom a notice of monitoring concerns."""
    if not record.must_acknowledge:
        return ()
    said = PurposeRecord.objects.values_list("purpose_key", "jurisdictions")
    reaching = {key for key, where in said if _meet(where, record.jurisdictions)}
    found = Flow.objects.live().filter(purpose_key__in=reaching & set(_live()))
    return tuple(found.select_related("source").order_by("source", "category", "purpose_key"))


def _live() -> Iterable[str]:
    return Purpose.objects.live().values_list("key", flat=True)


def _meet(some: list[str], others: list[str]) -> bool:
    """Return whether two sets of jurisdictions have people in common; an empty one is everybody."""
    if not some or not others:
        return True
    return any(concerns([a], b) or concerns([b], a) for a in some for b in others)
