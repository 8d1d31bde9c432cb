"""When an answer is due: rules and calendars as data, a date and the sentence that explains it. Pure."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache

import holidays
from django.utils.translation import gettext as _

SATURDAY = 5


@dataclass(frozen=True)
class Calendar:
    """Whose public holidays count; `without` are holidays that this rule treats as working days."""

    country: str = ""
    subdivision: str | None = None
    without: frozenset[str] = frozenset()

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


@dataclass(frozen=True)
class Rule:
    """How long, and whether a day off moves the end to the next working day."""

    key: str
    months: int = 0
    weeks: int = 0
    days: int = 0
    working_days: int = 0
    extended_months: int = 0
    extended_days: int = 0
    rolls: bool = True


@dataclass(frozen=True)
class Due:
    """A date and the sentence that says how it was found."""

    day: date
    rule: str
    explanation: str


@dataclass
class _Reckoning:
    """The day so far, and what was said on the way."""

    day: date
    said: list[str] = field(default_factory=list)

    def say(self, text: str) -> None:
        self.said.append(text)


EU = Rule("eu-1182-71", months=1, extended_months=3)
UK = Rule("uk-gdpr", months=1, extended_months=3)
CALIFORNIA = Rule("ccpa", days=45, extended_days=90, rolls=False)
CALIFORNIA_CONFIRM = Rule("ccpa-confirm", working_days=10)
# No statute gives these people a date: the company grants what the GDPR grants.
HOUSE = Rule("house", months=1, extended_months=3)

EU_STATES = frozenset(
    [
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IS",
        "IT",
        "LI",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "NO",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    ]
)
UK_NATIONS = {"": "ENG", "ENG": "ENG", "WLS": "WLS", "SCT": "SCT", "NIR": "NIR"}


def rule_for(jurisdiction: str) -> tuple[Rule, Calendar]:
    """Return the rule and calendar for an ISO 3166 code such as `DE`, `DE-BY`, `GB`, `US-CA`."""
    country, _dash, part = jurisdiction.upper().partition("-")
    if jurisdiction.upper() == "US-CA":
        return CALIFORNIA, Calendar()
    if country == "GB":
        return UK, Calendar("GB", UK_NATIONS.get(part, "ENG"))
    rule = EU if country in EU_STATES else HOUSE
    return rule, _calendar(country, part)


def _calendar(country: str, part: str) -> Calendar:
    known = holidays.list_supported_countries()
    if country not in known:
        return Calendar()
    return Calendar(country, part if part in known[country] else None)


def due(rule: Rule, days_off: Calendar, received: date, *, extended: bool = False, excluded_days: int = 0) -> Due:
    """Return the last day for an answer: count, then exclude, then roll.

    `excluded_days` are those that do not count (UK: from asking for clarification to receiving it, both included).
    An extension counts from the original receipt, never from the first date.
    """
    reckoning = _Reckoning(received)
    reckoning.say(_("received %(day)s") % {"day": _day(received)})
    _count(reckoning, rule, days_off, extended)
    if excluded_days:
        reckoning.day += timedelta(days=excluded_days)
        reckoning.say(_("%(n)s days of waiting for an answer do not count") % {"n": excluded_days})
    if rule.rolls:
        _roll(reckoning, days_off)
    reckoning.say(_("due by the end of %(day)s") % {"day": _day(reckoning.day)})
    return Due(reckoning.day, rule.key, "; ".join(reckoning.said) + ".")


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
        reckoning.say(_("%(day)s is %(why)s") % {"day": _day(reckoning.day), "why": why})
        reckoning.day += timedelta(days=1)


def _next(day: date, wanted: Callable[[date], bool]) -> date:
    day += timedelta(days=1)
    while not wanted(day):
        day += timedelta(days=1)
    return day


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b %Y}"
