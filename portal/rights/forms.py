"""What a person, or somebody who handles requests, may fill in."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import TextChoices
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from consent.values import Scope, milliseconds
from portal.events import devices, words
from portal.register.models import Source
from portal.rights.redress.values import Field, Restricting, Wish, Wrong
from portal.rights.values import Format, Kind, Refusal, refusals

HOUR = timedelta(hours=1)
# As the API has it: what is asked must stay a date in every zone, for whoever reads the request later.
FIRST_DAY, LAST_DAY = date(1971, 1, 1), date(2998, 12, 31)
FIRST_MOMENT, LAST_MOMENT = (datetime.combine(day, time.min, UTC) for day in (FIRST_DAY, LAST_DAY))
LONGEST_NAME, MOST_NAMES, LONGEST_TEXT = 200, 50, 4000
FIRST_MS, LAST_MS = 0, int(datetime(2999, 12, 31, tzinfo=UTC).timestamp() * 1000)


def _moment(label: Any) -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label,
        required=False,
        validators=[MinValueValidator(FIRST_MOMENT), MaxValueValidator(LAST_MOMENT)],
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"}),
    )


@dataclass(frozen=True)
class Known:
    """What a person can choose from: sources, and devices that sent something of theirs; each (key, name)."""

    sources: list[tuple[str, str]]
    devices: list[tuple[str, str]]


def known(person: UUID) -> Known:
    titles = Source.objects.ever_live().order_by("title").values_list("key", "title")
    return Known(list(titles), list(devices.known(person).items()))


class What(TextChoices):
    """How much is meant."""

    EVERYTHING = "everything", _("Everything")
    CATEGORY = "category", _("Only some kinds of data")
    DAY = "day", _("Only one day")
    HOUR = "hour", _("Only the last hour")
    TIME = "time", _("Only a stretch of time")


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

    since = _moment(_("From"))
    until = _moment(_("Until"))
    sources = forms.MultipleChoiceField(
        label=_("Sent by"),
        help_text=_("None ticked means all."),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    collectors = forms.MultipleChoiceField(
        label=_("Device"),
        help_text=_("None ticked means all."),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    app = forms.CharField(
        label=_("App"),
        help_text=_("As it is named on the page of a day. Empty means all."),
        required=False,
        max_length=LONGEST_NAME,
    )

    def __init__(self, *args: Any, known: Known | None = None, **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["sources"].choices = known.sources if known else []
        self.fields["collectors"].choices = known.devices if known else []
        for name in ("sources", "collectors"):
            # With one alone there is nothing to choose.
            if len(self.fields[name].choices) < 2:
                self.fields[name].widget = forms.MultipleHiddenInput()

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("what") == What.CATEGORY and not given.get("categories"):
            self.add_error("categories", _("Choose at least one."))
        if given.get("what") == What.DAY and not given.get("day") and "day" not in self.errors:
            self.add_error("day", _("Choose a day."))
        if given.get("what") == What.TIME:
            self._check_times(given)
        return given

    def _check_times(self, given: dict[str, Any]) -> None:
        start, end = given.get("since"), given.get("until")
        if start is None and end is None and not {"since", "until"} & self.errors.keys():
            self.add_error("since", _("Say when it begins, or when it ends."))
        if start and end and start >= end:
            self.add_error("until", _("Choose a time after the first."))

    def scope(self) -> Scope:
        """Return what was chosen; a day is the person's own, the last hour ends now."""
        given = self.cleaned_data
        narrowed = {name: frozenset(given[name]) or None for name in ("sources", "collectors")}
        apps = frozenset({given["app"]}) if given["app"] else None
        return replace(self._base(given), apps=apps, **narrowed)

    def _base(self, given: dict[str, Any]) -> Scope:
        if given["what"] == What.CATEGORY:
            return Scope(categories=frozenset(given["categories"]))
        if given["what"] == What.DAY:
            return day_scope(given["day"])
        if given["what"] == What.HOUR:
            return last_hour()
        if given["what"] == What.TIME:
            return Scope(from_ms=_ms(given["since"]), to_ms=_ms(given["until"]))
        return Scope()


def _ms(at: datetime | None) -> int | None:
    return None if at is None else milliseconds(at)


def last_hour() -> Scope:
    now = timezone.now()
    return Scope(from_ms=milliseconds(now - HOUR), to_ms=milliseconds(now))


class CopyForm(ScopeForm):
    """A copy: how much, and in which format."""

    kind = forms.ChoiceField(
        choices=[(kind.value, kind.label) for kind in (Kind.ACCESS, Kind.PORTABILITY)],
        required=False,
        widget=forms.HiddenInput,
    )
    format = forms.ChoiceField(
        label=_("Format of the data files"), choices=Format.choices, initial=Format.CSV, widget=forms.RadioSelect
    )


def day_scope(day: date) -> Scope:
    zone = timezone.get_current_timezone()
    start = datetime.combine(day, time.min, zone)
    return Scope(
        from_ms=milliseconds(start), to_ms=milliseconds(datetime.combine(day + timedelta(days=1), time.min, zone))
    )


_CLOCK = forms.TimeInput(format="%H:%M", attrs={"type": "time"})


class Names(forms.Field):
    """Names of which we know no list: what one's data is called. None where none is given."""

    widget = forms.SelectMultiple

    def to_python(self, value: Any) -> frozenset[str] | None:
        names = frozenset(value or ())
        if len(names) > MOST_NAMES or any(not name or len(name) > LONGEST_NAME or "\0" in name for name in names):
            raise forms.ValidationError(_("That is no name."))
        return names or None


class Asked(forms.Form):
    """A scope in the address of the confirmation page, so that what is confirmed is what was counted."""

    category = forms.MultipleChoiceField(required=False, choices=list(words.CATEGORIES.items()))
    from_ms = forms.IntegerField(required=False, min_value=FIRST_MS, max_value=LAST_MS)
    to_ms = forms.IntegerField(required=False, min_value=FIRST_MS, max_value=LAST_MS)
    source = Names(required=False)
    collector = Names(required=False)
    app = Names(required=False)

    def scope(self) -> Scope:
        given = self.cleaned_data
        return Scope(
            categories=frozenset(given["category"]) or None,
            from_ms=given["from_ms"],
            to_ms=given["to_ms"],
            sources=given["source"],
            collectors=given["collector"],
            apps=given["app"],
        )


def asked(query: QueryDict) -> Scope | None:
    """Read a scope from an address; None if somebody changed it to what cannot be read."""
    form = Asked(query)
    return form.scope() if form.is_valid() else None


def address_of(scope: Scope, **more: str) -> str:
    """Return the scope as a query, the inverse of `asked`."""
    named = (
        ("category", scope.categories),
        ("source", scope.sources),
        ("collector", scope.collectors),
        ("app", scope.apps),
    )
    pairs: list[tuple[str, str]] = [(name, key) for name, keys in named for key in sorted(keys or ())]
    pairs += [(name, str(value)) for name, value in _times(scope) if value is not None]
    return urlencode([*more.items(), *pairs])


def _times(scope: Scope) -> Iterable[tuple[str, int | None]]:
    return ("from_ms", scope.from_ms), ("to_ms", scope.to_ms)


def _words(label: Any, *, required: bool = False, rows: int = 3) -> forms.CharField:
    return forms.CharField(
        label=label, required=required, max_length=LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": rows})
    )


class RestrictionForm(forms.Form):
    """Why data is not to be used, by a ground of the law, and in the person's words if they like."""

    ground = forms.ChoiceField(label=_("Why"), choices=Restricting.choices, widget=forms.RadioSelect)
    note = _words(_("In your words (you need not)"))


class CorrectionForm(forms.Form):
    """What the directory says wrongly of a person, and what would be right."""

    field = forms.ChoiceField(label=_("What is wrong"), choices=Field.choices)
    right = forms.CharField(label=_("What would be right"), required=False, max_length=LONGEST_NAME)
    why = _words(_("How you know, if it helps (you need not)"))


class HoursForm(forms.Form):
    """Hours of one day."""

    day = forms.DateField(validators=[MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)])
    since = forms.TimeField()
    until = forms.TimeField()

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("since") and given.get("until") and given["since"] >= given["until"]:
            self.add_error("until", _("Choose a time after the first."))
        return given

    def scope(self) -> Scope:
        given = self.cleaned_data
        return stretch(given["day"], given["since"], given["until"])


class DisputeForm(forms.Form):
    """A stretch of one's recordings that is wrong or was somebody else: a day, hours of it, a device, an app."""

    day = forms.DateField(
        label=_("Which day"),
        validators=[MinValueValidator(FIRST_DAY), MaxValueValidator(LAST_DAY)],
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    since = forms.TimeField(label=_("From"), required=False, widget=_CLOCK)
    until = forms.TimeField(label=_("Until"), required=False, widget=_CLOCK)
    collector = forms.ChoiceField(label=_("Device"), required=False)
    app = forms.CharField(label=_("App"), required=False, max_length=LONGEST_NAME)
    wrong = forms.ChoiceField(
        label=_("What is wrong"), choices=Wrong.choices, initial=Wrong.NOT_ME, widget=forms.RadioSelect
    )
    wish = forms.ChoiceField(
        label=_("What you want if it is found to be so"),
        choices=Wish.choices,
        initial=Wish.ERASE,
        widget=forms.RadioSelect,
    )
    note = _words(_("In your words (you need not)"))

    def __init__(self, *args: Any, person: UUID, **named: Any) -> None:
        super().__init__(*args, **named)
        known = list(devices.known(person).items())
        given = self.data.get("collector", "") if self.is_bound else self.initial.get("collector", "")
        if given and given not in dict(known):
            # A device of long ago stands in its events alone.
            known.append((given, given))
        self.fields["collector"].choices = [("", _("Every device")), *known]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("since") and given.get("until") and given["since"] >= given["until"]:
            self.add_error("until", _("Choose a time after the first."))
        return given

    def scope(self) -> Scope:
        """Return the stretch: the whole day where no hours are given."""
        given = self.cleaned_data
        return replace(
            stretch(given["day"], given["since"], given["until"]),
            collectors=frozenset({given["collector"]}) if given["collector"] else None,
            apps=frozenset({given["app"]}) if given["app"] else None,
        )


def stretch(day: date, since: time | None, until: time | None) -> Scope:
    """Return the hours of a local day between two times; the end is not in it."""
    whole, zone = day_scope(day), timezone.get_current_timezone()
    start = milliseconds(datetime.combine(day, since, zone)) if since else whole.from_ms
    end = milliseconds(datetime.combine(day, until, zone)) if until else whole.to_ms
    return Scope(from_ms=start, to_ms=end)


class ComplaintForm(forms.Form):
    """What somebody complains about; kept sealed, read by whoever answers."""

    text = _words(_("What happened, and what you would like to be done"), required=True, rows=6)


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
