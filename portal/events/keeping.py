"""How long what was collected is kept: one rule for the job that deletes it and for every page that names a day.

A period is counted in days of the person's calendar: what was collected on a day is kept until that many days later.
It is the shortest of what was said since: the text that the person had answered when it was collected, every text that
was published after that one, the register as it is, and what the person chose. So a longer period never reaches back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import groupby
from operator import attrgetter
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils import timezone

from consent.models import Decision, NoticeVersion
from consent.values import CATEGORIES, DecisionKind
from portal.people.models import Employee
from portal.register.models import Retention

CONTENT, TYPING = "keystroke_content", "keystroke_timing"
YES = (DecisionKind.GIVEN, DecisionKind.ACKNOWLEDGED)
Pair = tuple[str, str]  # (purpose, category)
Expired = dict[str, frozenset[str]]  # category -> the purposes that it is no longer kept for


@dataclass(frozen=True)
class Shorter:
    """A shorter period that the person chose; once taken back it still holds for what is from before `until`."""

    category: str
    days: int
    until: date | None = None


@dataclass(frozen=True)
class Answer:
    """That the person said yes to a text on a day, or took note of it."""

    purpose: str
    day: date
    notice: int
    version: int


@dataclass(frozen=True)
class Text:
    """What a published text says of how long each category is kept, and what it covers."""

    pk: int
    notice: int
    version: int
    categories: frozenset[str]
    days: Mapping[str, int]


@dataclass(frozen=True)
class Said:
    """What the company says: every text that was published, in order, and the register as it is."""

    texts: Mapping[int, tuple[Text, ...]]
    known: Mapping[tuple[str, int, str], Text]
    register: Mapping[Pair, int]

    @classmethod
    def read(cls) -> Said:
        rows = NoticeVersion.objects.valid().order_by("notice_id", "version")
        named = ("pk", "notice_id", "version", "sha256", "notice__purpose_id", "covers", "terms__retention")
        texts: dict[int, list[Text]] = defaultdict(list)
        known: dict[tuple[str, int, str], Text] = {}
        for pk, notice, version, sha256, purpose, covers, days in rows.values_list(*named):
            covered = frozenset(category for each in covers.values() for category in each)
            text = Text(pk, notice, version, covered, days or {})
            texts[notice].append(text)
            known[purpose, version, sha256] = text
        periods = Retention.objects.values_list("purpose_key", "category", "days")
        return cls(
            {notice: tuple(each) for notice, each in texts.items()},
            known,
            {(purpose, category): days for purpose, category, days in periods},
        )

    def since(self, answer: Answer) -> Iterator[Text]:
        """Yield the text that was answered, and every one that came after it."""
        return (each for each in self.texts.get(answer.notice, ()) if each.version >= answer.version)


@dataclass(frozen=True)
class Periods:
    """How long each category of one person's data is kept for each purpose."""

    said: Said
    answers: Mapping[str, tuple[Answer, ...]] = field(default_factory=dict)
    shorter: tuple[Shorter, ...] = ()

    def purposes(self, category: str) -> list[str]:
        """Return the purposes for which anything of a category may be here."""
        return [purpose for purpose in sorted(self.answers) if self._reaches(purpose, category)]

    def _reaches(self, purpose: str, category: str) -> bool:
        if (purpose, category) in self.said.register:
            return True
        return any(category in text.categories for text in self.said.since(self.answers[purpose][0]))

    def company(self, purpose: str, category: str, day: date) -> int | None:
        """Return for how many days what was collected on a day is kept, as the company says; None where nobody has."""
        found = [text.days[category] for text in self.said.since(self._answer(purpose, day)) if category in text.days]
        if (purpose, category) in self.said.register:
            found.append(self.said.register[purpose, category])
        return min(found, default=None)

    def _answer(self, purpose: str, day: date) -> Answer:
        """Return the answer that a day's data was collected under: of the day of a new one, the one before it."""
        given = self.answers[purpose]
        return next((each for each in reversed(given) if each.day < day), given[0])

    def own(self, category: str, day: date) -> int | None:
        """Return the shorter period that the person chose for what was collected on a day."""
        chosen = (each for each in self.shorter if each.category == category)
        return min((each.days for each in chosen if each.until is None or day < each.until), default=None)

    def days(self, purpose: str, category: str, day: date) -> int | None:
        both = (self.company(purpose, category, day), self.own(category, day))
        return min((each for each in both if each is not None), default=None)

    def end(self, purpose: str, category: str, day: date) -> date | None:
        """Return the day on which a day's data is no longer kept for a purpose."""
        days = self.days(purpose, category, day)
        return None if days is None else day + timedelta(days=days)

    def ends(self, category: str, day: date) -> date | None:
        """Return the day on which a day's data of a category is deleted; None where some purpose states no end."""
        if category == CONTENT:
            # A typed character stands in a key event and goes with it at the latest.
            both = (self._ends(CONTENT, day), self._ends(TYPING, day))
            return min(filter(None, both), default=None)
        return self._ends(category, day)

    def _ends(self, category: str, day: date) -> date | None:
        found = [self.end(purpose, category, day) for purpose in self.purposes(category)]
        return None if None in found else max(filter(None, found), default=None)

    def expired(self, category: str, day: date, today: date) -> frozenset[str]:
        """Return the purposes that a day's data of a category is no longer kept for."""
        ends = ((purpose, self.end(purpose, category, day)) for purpose in self.purposes(category))
        return frozenset(purpose for purpose, end in ends if end is not None and end <= today)

    def is_over(self, category: str, day: date, today: date) -> bool:
        """Return whether nothing of a category that was collected on a day is kept for anything any more."""
        end = self.ends(category, day)
        return end is not None and end <= today

    def last(self, day: date) -> date | None:
        """Return the day on which the last trace of a day goes: what was dropped on arrival is counted until then."""
        found = [end for category in CATEGORIES if (end := self.ends(category, day))]
        if not found and self.said.register:
            # Of somebody who never said yes nothing is kept but that something was sent.
            return day + timedelta(days=max(self.said.register.values()))
        return max(found, default=None)

    def cutoff(self, purpose: str, category: str, today: date) -> date | None:
        """Return the newest day that is over for a purpose; every earlier one is over as well."""
        lengths = self._lengths(purpose, category)
        days = (today - timedelta(days=each) for each in lengths)
        return max((day for day in days if self._over(purpose, category, day, today)), default=None)

    def _over(self, purpose: str, category: str, day: date, today: date) -> bool:
        end = self.end(purpose, category, day)
        return end is not None and end <= today

    def _lengths(self, purpose: str, category: str) -> set[int]:
        texts = self.said.since(self.answers[purpose][0])
        found = {text.days[category] for text in texts if category in text.days}
        found |= {each.days for each in self.shorter if each.category == category}
        register = self.said.register.get((purpose, category))
        return found | ({register} if register is not None else set())

    def chosen(self, category: str) -> int | None:
        """Return the shorter period that stands now."""
        standing = (each.days for each in self.shorter if each.category == category and each.until is None)
        return min(standing, default=None)

    def without_own(self) -> Periods:
        return replace(self, shorter=())


def _nobody(_subject_id: UUID) -> Iterable[Shorter]:
    return ()


@dataclass
class _Installed:
    shorter: Callable[[UUID], Iterable[Shorter]] = _nobody


_installed = _Installed()


def install(*, shorter: Callable[[UUID], Iterable[Shorter]]) -> None:
    """Hand in where people's own choices are kept; called once, when the application starts."""
    _installed.shorter = shorter


def of(employee: Employee, said: Said | None = None) -> Periods:
    """Return how long one person's data is kept; `said` is what the caller has read already."""
    said = said or Said.read()
    return Periods(said, _answers(employee, said), tuple(_installed.shorter(employee.pk)))


def _answers(employee: Employee, said: Said) -> dict[str, tuple[Answer, ...]]:
    zone = ZoneInfo(employee.time_zone)
    decisions = Decision.objects.for_subject(employee.pk).filter(kind__in=YES).order_by("purpose_key", "leaf_idx")
    found = []
    for purpose, sha256, version, at in decisions.values_list("purpose_key", "notice_sha256", "notice_version", "at"):
        text = said.known.get((purpose, version, sha256))
        day = at.astimezone(zone).date()
        found.append(Answer(purpose, day, text.notice if text else 0, text.version if text else version))
    return {purpose: tuple(given) for purpose, given in groupby(found, key=attrgetter("purpose"))}


def today(employee: Employee) -> date:
    """Return what day it is where the person is."""
    return timezone.now().astimezone(ZoneInfo(employee.time_zone)).date()
