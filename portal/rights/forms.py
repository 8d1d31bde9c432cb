"""What a person, or somebody who handles requests, may fill in."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import TextChoices
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from consent.values import Scope, milliseconds
from portal.events import words
from portal.rights.values import Format, Kind, Refusal, refusals

HOUR = timedelta(hours=1)
# As the API has it: what is asked must stay a date in every zone, for whoever reads the request later.
FIRST_DAY, LAST_DAY = date(1971, 1, 1), date(2998, 12, 31)
FIRST_MS, LAST_MS = 0, int(datetime(2999, 12, 31, tzinfo=UTC).timestamp() * 1000)


class What(TextChoices):
    """How much is meant."""

    EVERYTHING = "everything", _("Everything")
    CATEGORY = "category", _("Only some kinds of data")
    DAY = "day", _("Only one day")
    HOUR = "hour", _("Only the last hour")


class ScopeForm(forms.Form):
    """How much of one's data is meant; everything, unless something else is chosen."""

    what = forms.ChoiceField(
        label=_("How much"), choices=What.choices, initial=What.EVERYTHING, widget=forms.RadioSelect
    )
    categories = forms.MultipleChoiceField(
        label=_("Which kinds"),
        required=False,
        choices=list(words.CATEGORIES.items()),
        widget=forms.CheckboxSelectMultiple,
    )
    day = forms.DateField(
        label=_("Which day"),
        required=False,
        validators=[MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("what") == What.CATEGORY and not given.get("categories"):
            self.add_error("categories", _("Choose at least one."))
        if given.get("what") == What.DAY and not given.get("day") and "day" not in self.errors:
            self.add_error("day", _("Choose a day."))
        return given

    def scope(self) -> Scope:
        """Return what was chosen; a day is the person's own, the last hour ends now."""
        given = self.cleaned_data
        if given["what"] == What.CATEGORY:
            return Scope(categories=frozenset(given["categories"]))
        if given["what"] == What.DAY:
            return day_scope(given["day"])
        if given["what"] == What.HOUR:
            now = timezone.now()
            return Scope(from_ms=milliseconds(now - HOUR), to_ms=milliseconds(now))
        return Scope()


class CopyForm(ScopeForm):
    """A copy: how much, and in which format."""

    format = forms.ChoiceField(
        label=_("Format of the data files"), choices=Format.choices, initial=Format.CSV, widget=forms.RadioSelect
    )


def day_scope(day: date) -> Scope:
    zone = timezone.get_current_timezone()
    start = datetime.combine(day, time.min, zone)
    return Scope(
        from_ms=milliseconds(start), to_ms=milliseconds(datetime.combine(day + timedelta(days=1), time.min, zone))
    )


class Asked(forms.Form):
    """A scope in the address of the confirmation page, so that what is confirmed is what was counted."""

    category = forms.MultipleChoiceField(required=False, choices=list(words.CATEGORIES.items()))
    from_ms = forms.IntegerField(required=False, min_value=FIRST_MS, max_value=LAST_MS)
    to_ms = forms.IntegerField(required=False, min_value=FIRST_MS, max_value=LAST_MS)

    def scope(self) -> Scope:
        given = self.cleaned_data
        return Scope(categories=frozenset(given["category"]) or None, from_ms=given["from_ms"], to_ms=given["to_ms"])


def asked(query: QueryDict) -> Scope | None:
    """Read a scope from an address; None if somebody changed it to what cannot be read."""
    form = Asked(query)
    return form.scope() if form.is_valid() else None


def address_of(scope: Scope) -> str:
    """Return the scope as a query, the inverse of `asked`."""
    pairs: list[tuple[str, str]] = [("category", key) for key in sorted(scope.categories or ())]
    pairs += [(name, str(value)) for name, value in _times(scope) if value is not None]
    return urlencode(pairs)


def _times(scope: Scope) -> Iterable[tuple[str, int | None]]:
    return ("from_ms", scope.from_ms), ("to_ms", scope.to_ms)


class RefusalForm(forms.Form):
    """Why a request is refused, by a coded ground and in words; an objection never without words."""

    ground = forms.ChoiceField(label=_("Ground"), choices=Refusal.choices)
    note = forms.CharField(
        label=_("In words the person will read"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, kind: str = "", **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["ground"].choices = [(each.value, each.label) for each in refusals(kind)]
        self.fields["note"].required = kind == Kind.OBJECTION
