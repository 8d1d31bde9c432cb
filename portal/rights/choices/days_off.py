"""What the page of days off shows and takes: days of one's own that are to come, and nothing about why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as __
from django.utils.translation import gettext_lazy as _

from consent import gate
from consent.marking import FURTHEST

DAY = timedelta(days=1)
MOST = timedelta(days=99)


class DaysForm(forms.Form):
    """One day, or all from a first to a last one."""

    first = forms.DateField(label=_("First day"), widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}))
    last = forms.DateField(
        label=_("Last day (optional)"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        for field in self.fields.values():
            field.widget.attrs |= {"min": today.isoformat(), "max": (today + FURTHEST).isoformat()}

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        first = said.get("first")
        if first is None or "last" in self.errors:
            return said
        last = said["last"] = said.get("last") or first
        if first < self.today:
            self.add_error("first", __("A day that is over cannot be marked: what is kept of it you can delete."))
        elif last < first:
            self.add_error("last", __("The last day lies before the first."))
        elif last > self.today + FURTHEST:
            self.add_error("last", __("That is too far ahead: mark it once it is less than 400 days away."))
        elif last - first > MOST:
            self.add_error("last", __("Mark at most 100 days at once."))
        return said

    @property
    def days(self) -> list[date]:
        """Return every day that is meant."""
        first, last = self.cleaned_data["first"], self.cleaned_data["last"]
        return [first + n * DAY for n in range((last - first).days + 1)]


@dataclass(frozen=True)
class Stretch:
    """Days that follow each other; one that has begun stays marked, so that it stands apart."""

    first: date
    last: date
    has_begun: bool

    @property
    def is_one(self) -> bool:
        return self.first == self.last


def shown(subject_id: UUID) -> list[Stretch]:
    """Return the marked days from today on, joined where they follow each other."""
    state, today = gate.read(subject_id), timezone.localdate()
    found: list[Stretch] = []
    for day in sorted(each for each in (state.days_off if state else ()) if each >= today):
        before = found[-1] if found else None
        if before and before.last + DAY == day and not before.has_begun:
            found[-1] = Stretch(before.first, day, has_begun=False)
        else:
            found.append(Stretch(day, day, day == today))
    return found
