"""When an answer is due: a date and the sentence that explains it, by the rules in deadlines.yaml beside this file."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from functools import cache
from pathlib import Path

import holidays
import yaml
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from pydantic import BaseModel, ConfigDict, TypeAdapter, model_validator

FILE = Path(__file__).parent / "deadlines.yaml"
SATURDAY = 5
COMPLAINT = "complaint"


class Asking(StrEnum):
    """Whose days of waiting for an answer do not count."""

    ALWAYS = "always"
    UNIDENTIFIED = "unidentified"
    NEVER = "never"


class Identity(StrEnum):
    """What it does to the clock when somebody says who they are."""

    RESTARTS = "restarts"
    WAITS = "waits"


@dataclass(frozen=True)
class Calendar:
    """Whose public holidays count; `without` are holidays that this place takes for working days."""

    country: str = ""
    subdivision: str | None = None
    without: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return "-".join(part for part in (self.country, self.subdivision) if part)

    def holiday(self, day: date) -> str:
        """Return the holiday's name, empty on every other day."""
        if not self.country:
            return ""
        name = _holidays(self.country, self.subdivision).get(day) or ""
        return "" if name in self.without else name

    def is_working(self, day: date) -> bool:
        return day.weekday() < SATURDAY and not self.holiday(day)


@cache
def _holidays(country: str, subdivision: str | None) -> holidays.HolidayBase:
    return holidays.country_holidays(country, subdiv=subdivision)


class Rule(BaseModel):
    """How long, whether a day off moves the end, and what waiting for the person does to it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key: str = ""
    months: int = 0
    weeks: int = 0
    days: int = 0
    working_days: int = 0
    extended_months: int = 0
    extended_days: int = 0
    rolls: bool = True
    asking: Asking = Asking.NEVER
    identity: Identity = Identity.WAITS
    confirm: str = ""

    @model_validator(mode="after")
    def _one_length(self) -> Rule:
        lengths = [self.months, self.weeks, self.days, self.working_days]
        if sum(length > 0 for length in lengths) != 1 or min(lengths) < 0:
            message = "a rule has one length"
            raise ValueError(message)
        return self

    @property
    def can_be_extended(self) -> bool:
        return bool(self.extended_months or self.extended_days)

    @property
    def asks_holidays(self) -> bool:
        return self.rolls or bool(self.working_days)

    def stops(self, *, identified: bool) -> bool:
        """Return whether the days of waiting for an answer do not count, for somebody known or yet to be known."""
        return self.asking == Asking.ALWAYS or (self.asking == Asking.UNIDENTIFIED and not identified)


class Place(BaseModel):
    """Which rules hold somewhere, and whose holidays count."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str
    complaint: str
    calendar: str
    without: frozenset[str] = frozenset()


class Book(BaseModel):
    """All rules, and where each holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: str
    rules: dict[str, Rule]
    places: dict[str, Place]

    @model_validator(mode="after")
    def _names_are_known(self) -> Book:
        named = {name for place in self.places.values() for name in (place.rule, place.complaint)}
        named |= {rule.confirm for rule in self.rules.values() if rule.confirm}
        if unknown := named - set(self.rules):
            message = f"no such rule: {', '.join(sorted(unknown))}"
            raise ValueError(message)
        if "" not in self.places:
            message = "everywhere else has no rule"
            raise ValueError(message)
        return self

    def place(self, jurisdiction: str) -> Place:
        """Return the place that fits longest: `DE` for `DE-BY`, unless that has one of its own."""
        parts = jurisdiction.upper().split("-")
        names = ["-".join(parts[:n]) for n in range(len(parts), 0, -1)]
        return next((self.places[name] for name in names if name in self.places), self.places[""])


@cache
def book() -> Book:
    raw = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    for key, rule in raw["rules"].items():
        rule["key"] = key
    return TypeAdapter(Book).validate_python(raw)


def version() -> str:
    """Return of which versions of the rules and of the holidays a date is."""
    return f"{book().version}+holidays-{holidays.__version__}"


def rule_for(jurisdiction: str, kind: str = "") -> tuple[Rule, Calendar]:
    """Return the rule and calendar for an ISO 3166 code such as `DE`, `DE-BY`, `GB`, `US-CA`, and a kind of request."""
    place = book().place(jurisdiction)
    rule = book().rules[place.complaint if kind == COMPLAINT else place.rule]
    return rule, _calendar_of(place, jurisdiction)


def confirmation_for(rule: Rule, days_off: Calendar, received: date) -> Due | None:
    """Return by when the receipt has to be confirmed, where the rule asks for that."""
    return due(book().rules[rule.confirm], days_off, received) if rule.confirm else None


def _calendar_of(place: Place, jurisdiction: str) -> Calendar:
    named = jurisdiction.upper() if place.calendar == "own" else "" if place.calendar == "none" else place.calendar
    country, _dash, part = named.partition("-")
    known = holidays.list_supported_countries()
    if country not in known:
        return Calendar()
    return Calendar(country, part if part in known[country] else None, place.without)


@dataclass(frozen=True)
class Due:
    """A date and the sentence that says how it was found; `calendar` is empty where no holiday was asked for."""

    day: date
    rule: str
    explanation: str
    calendar: str = ""


@dataclass
class _Reckoning:
    """The day so far, and what was said on the way."""

    day: date
    said: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.said.append(text)


def due(rule: Rule, days_off: Calendar, received: date, *, extended: bool = False, excluded_days: int = 0) -> Due:
    """Return the last day for an answer: count, then exclude, then roll.

    `excluded_days` are those that do not count (UK: from asking for clarification to receiving it, both included).
    An extension counts from the original receipt, never from the first date.
    """
    reckoning = _Reckoning(received)
    reckoning.say(_("received %(day)s") % {"day": said(received)})
    _count(reckoning, rule, days_off, extended)
    if excluded_days:
        reckoning.day += timedelta(days=excluded_days)
        text = ngettext(
            "%(n)s day of waiting for an answer does not count",
            "%(n)s days of waiting for an answer do not count",
            excluded_days,
        )
        reckoning.say(text % {"n": excluded_days})
    if rule.rolls:
        _roll(reckoning, days_off)
    reckoning.say(_("due by the end of %(day)s") % {"day": said(reckoning.day)})
    calendar_name = days_off.name if rule.asks_holidays else ""
    return Due(reckoning.day, rule.key, "; ".join(reckoning.said) + ".", calendar_name)


def _count(reckoning: _Reckoning, rule: Rule, days_off: Calendar, extended: bool) -> None:
    if months := rule.extended_months if extended else rule.months:
        _add_months(reckoning, months)
    elif rule.working_days:
        reckoning.say(_("%(n)s working days") % {"n": rule.working_days})
        for _each in range(rule.working_days):
            reckoning.day = _next(reckoning.day, days_off.is_working)
    else:
        length = timedelta(weeks=rule.weeks, days=rule.extended_days if extended else rule.days)
        reckoning.say(_("%(n)s calendar days") % {"n": length.days})
        reckoning.day += length


def _add_months(reckoning: _Reckoning, months: int) -> None:
    """The same date so many months later, or the last day of a month that has no such date."""
    start = reckoning.day
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    last = calendar.monthrange(year, month + 1)[1]
    reckoning.day = date(year, month + 1, min(start.day, last))
    reckoning.say(_("one month") if months == 1 else _("%(n)s months from the receipt") % {"n": months})
    if start.day > last:
        missing = f"{start.day} {reckoning.day:%b}"
        reckoning.say(_("there is no %(day)s, so its last day counts") % {"day": missing})


def _roll(reckoning: _Reckoning, days_off: Calendar) -> None:
    while not days_off.is_working(reckoning.day):
        why = days_off.holiday(reckoning.day) or _("a weekend")
        reckoning.say(_("%(day)s is %(why)s") % {"day": said(reckoning.day), "why": why})
        reckoning.day += timedelta(days=1)


def _next(day: date, wanted: Callable[[date], bool]) -> date:
    day += timedelta(days=1)
    while not wanted(day):
        day += timedelta(days=1)
    return day


def said(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b %Y}"
