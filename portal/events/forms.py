"""What a person may ask of a day: categories, a source, a span of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.events import words
from portal.events.values import LONGEST, Filter
from portal.strictjson import LARGEST

# Days that a page may be asked of: with room to both sides, so that zones and neighbouring days stay dates.
YEARS = range(1900, 3000)


def _clock(label: Any) -> forms.TimeField:
    widget = forms.TimeInput(format="%H:%M", attrs={"type": "time"})
    return forms.TimeField(label=label, required=False, widget=widget)


class DayFilter(forms.Form):
    """The filters of a day's events, all optional, sent by GET so that the address says what is shown."""

    category = forms.MultipleChoiceField(
        label=_("What"), required=False, choices=list(words.CATEGORIES.items()), widget=forms.CheckboxSelectMultiple
    )
    source = forms.ChoiceField(label=_("Source"), required=False)
    since = _clock(_("From"))
    until = _clock(_("Until"))
    # What a link of the day's timeline asks for: instants in ms, where the clock of a day may show a time twice.
    start = forms.IntegerField(required=False, min_value=0, max_value=LARGEST)
    end = forms.IntegerField(required=False, min_value=0, max_value=LARGEST)
    app = forms.CharField(required=False, max_length=LONGEST)

    def __init__(self, *args: Any, categories: Iterable[str], sources: dict[str, str], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["category"].choices = [(key, words.category(key)) for key in categories]
        self.fields["source"].choices = [("", _("Every source")), *sources.items()]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("since") and given.get("until") and given["since"] >= given["until"]:
            self.add_error("until", _("Choose a time after the first."))
        return given

    def wanted(self, day: date, zone: ZoneInfo) -> Filter:
        """Return what was asked; a filter that cannot be read asks for nothing and says so in its field."""
        given = self.cleaned_data if self.is_valid() else {}
        return Filter(
            categories=frozenset(given.get("category") or ()) or None,
            sources=frozenset({given["source"]}) if given.get("source") else None,
            from_ms=_narrower(max, given.get("start"), _instant(day, given.get("since"), zone)),
            to_ms=_narrower(min, given.get("end"), _instant(day, given.get("until"), zone)),
            apps=frozenset({given["app"]}) if given.get("app") else None,
        )


def _narrower(choose: Callable[[Iterable[int]], int], *instants: int | None) -> int | None:
    known = [each for each in instants if each is not None]
    return choose(known) if known else None


def _instant(day: date, at: time | None, zone: ZoneInfo) -> int | None:
    return None if at is None else int(datetime.combine(day, at, zone).timestamp() * 1000)


def first_of_month(text: str, today: date) -> date:
    """Read `2026-11`; anything else, and months to come or before anything was recorded, is this month."""
    try:
        first = datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007 (a month has no zone)
    except ValueError:
        return today.replace(day=1)
    return min(first, today.replace(day=1)) if first.year in YEARS else today.replace(day=1)


def month_after(first: date) -> date:
    return (first + timedelta(days=32)).replace(day=1)
