"""What legal fills in to place a hold, or to renew one."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from consent.values import Scope
from portal.events import words
from portal.people.models import Employee
from portal.people.subjects import find
from portal.rights.forms import FIRST_DAY, LAST_DAY, day_scope
from portal.rights.holds.values import GROUNDS, LONGEST

MOST_PEOPLE = 200


def end_of(day: date) -> datetime:
    """Return the last moment of a day where the reader is."""
    return datetime.combine(day, time.max, timezone.get_current_timezone())


def _day(label: Any, **named: Any) -> forms.DateField:
    return forms.DateField(label=label, widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}), **named)


class Until(forms.Form):
    """The day on which a hold ends, within a year."""

    until = _day(_("Until"), help_text=_("Within a year. A hold can be renewed."))

    def clean_until(self) -> date:
        day: date = self.cleaned_data["until"]
        today = timezone.localdate()
        if not today <= day <= today + LONGEST:
            raise forms.ValidationError(_("Choose a day from today to a year from now."))
        return day

    def ends(self) -> datetime:
        return min(end_of(self.cleaned_data["until"]), timezone.now() + LONGEST)


class HoldForm(Until):
    """Whose data has to stay, which, why and until when."""

    people = forms.CharField(
        label=_("Employee numbers"),
        help_text=_("One a line."),
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    matter = forms.CharField(
        label=_("Matter"), required=False, max_length=80, help_text=_("A key that joins the holds of one matter.")
    )
    categories = forms.MultipleChoiceField(
        label=_("Which kinds of data"),
        help_text=_("None ticked means all. Hold no more than the matter needs."),
        required=False,
        choices=list(words.CATEGORIES.items()),
        widget=forms.CheckboxSelectMultiple,
    )
    first = _day(_("Recorded from"), required=False)
    last = _day(_("Recorded until"), required=False)
    ground = forms.ChoiceField(label=_("Ground"), choices=[(each.value, each.label) for each in GROUNDS])
    legal_basis = forms.CharField(label=_("Legal basis"), max_length=200, help_text=_("The article or section."))
    reason = forms.CharField(
        label=_("Why, in words the person will read"), max_length=2000, widget=forms.Textarea(attrs={"rows": 4})
    )
    field_order = ["people", "matter", "categories", "first", "last", "ground", "legal_basis", "reason", "until"]

    def clean_people(self) -> list[Employee]:
        numbers = list(dict.fromkeys(self.cleaned_data["people"].split()))
        found = {number: find(number) for number in numbers[:MOST_PEOPLE]}
        unknown = [number for number, person in found.items() if person is None]
        if unknown or len(numbers) > MOST_PEOPLE:
            raise forms.ValidationError(_("Nobody has this number: %(n)s") % {"n": ", ".join(unknown) or "…"})
        return [person for person in found.values() if person]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        for name in ("first", "last"):
            if given.get(name) and not FIRST_DAY <= given[name] <= LAST_DAY:
                self.add_error(name, _("Choose another day."))
        if given.get("first") and given.get("last") and given["first"] > given["last"]:
            self.add_error("last", _("Choose a day after the first."))
        return given

    def scope(self) -> Scope:
        given = self.cleaned_data
        return Scope(
            categories=frozenset(given["categories"]) or None,
            from_ms=day_scope(given["first"]).from_ms if given["first"] else None,
            to_ms=day_scope(given["last"]).to_ms if given["last"] else None,
        )
