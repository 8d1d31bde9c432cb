"""What the register's page shows every employee: each active source, and what it collects for which purpose."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Prefetch

from consent import door
from consent.models import NoticeVersion, Purpose
from portal.register import door_words
from portal.register.models import Assessment, Flow, Recipient, Retention, Source, WorksAgreement
from portal.register.models import PurposeRecord as Record
from portal.register.notice_text import CATEGORIES
from portal.register.values import State


@dataclass(frozen=True)
class Collected:
    """A category that a source collects for a purpose, why, and for how long it is kept."""

    category: str
    why: str
    days: int | None


@dataclass(frozen=True)
class Use:
    """A purpose that a source serves, with the version of its notice that is in force."""

    purpose: Purpose
    version: int | None
    recipients: list[str]
    collected: list[Collected]


@dataclass(frozen=True)
class Active:
    """A source that collects now."""

    source: Source
    uses: list[Use]
    assessment: Assessment | None
    agreements: list[WorksAgreement]

    @property
    def cut(self) -> list[str]:
        """Say how titles and addresses are cut, where any are collected."""
        collected = {flow.category for flow in self.source.flows.all()}
        return list(door_words.lines(door.read(self.source.redaction), collected))


def active(language: str) -> list[Active]:
    """Return every live source; as many queries however many there are."""
    flows = Prefetch("flows", Flow.objects.filter(state=State.LIVE).order_by("purpose_key", "category"))
    sources = list(Source.objects.live().prefetch_related(flows, "works_agreements").order_by("title"))
    assessed = {each.source_id: each for each in Assessment.objects.filter(source__in=sources)}
    books = _Books(language)
    return [
        Active(each, books.uses(each.flows.all()), assessed.get(each.pk), list(each.works_agreements.all()))
        for each in sources
    ]


class _Books:
    """What is looked up for every source, read once."""

    def __init__(self, language: str) -> None:
        self.purposes = {each.pk: each for each in Purpose.objects.live()}
        self.notices = NoticeVersion.objects.in_force_of(self.purposes, language)
        self.days = {(each.purpose_key, each.category): each.days for each in Retention.objects.all()}
        names = {each.pk: f"{each.name} ({each.country})" for each in Recipient.objects.all()}
        self.recipients = {
            each.purpose_key: [names.get(key, key) for key in each.recipients or []] for each in Record.objects.all()
        }

    def uses(self, flows: Iterable[Flow]) -> list[Use]:
        found: dict[str, list[Collected]] = {}
        for flow in flows:
            days = self.days.get((flow.purpose_key, flow.category))
            collected = Collected(str(CATEGORIES.get(flow.category, flow.category)), flow.why, days)
            found.setdefault(flow.purpose_key, []).append(collected)
        return [self._use(key, rows) for key, rows in found.items() if key in self.purposes]

    def _use(self, key: str, rows: list[Collected]) -> Use:
        notice = self.notices.get(key)
        return Use(self.purposes[key], notice.version if notice else None, self.recipients.get(key, []), rows)
