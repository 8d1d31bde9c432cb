"""What may be filled in on the pages of cases."""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.db.models import TextChoices
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from portal.people.models import Employee
from portal.people.subjects import find
from portal.rights.cases.intake import Came
from portal.rights.cases.values import (
    BROUGHT_IN,
    ENDINGS,
    LONGEST_NAME,
    LONGEST_TEXT,
    MOST_BYTES,
    OLDEST,
    Channel,
    Delivery,
    Identity,
    Upload,
)
from portal.rights.values import Format, Kind

ANY = [("", _("any"))]
LETTERS = 200


class Shown(TextChoices):
    """Which cases the queue shows."""

    OPEN = "open", _("Open")
    REVIEW = "review", _("To decide")
    STUCK = "stuck", _("Could not go on")
    ENDED = "ended", _("Ended")
    ALL = "all", _("All")


class Due(TextChoices):
    """How soon they are due."""

    OVERDUE = "overdue", _("overdue")
    WEEK = "week", _("within 7 days")
    LATER = "later", _("later")


class FilterForm(forms.Form):
    """What the queue is narrowed to; what is not of the list narrows nothing."""

    state = forms.ChoiceField(choices=Shown.choices, required=False, widget=forms.HiddenInput)
    kind = forms.ChoiceField(label=_("What was asked"), choices=[*ANY, *Kind.choices], required=False)
    due = forms.ChoiceField(label=_("Due"), choices=[*ANY, *Due.choices], required=False)
    channel = forms.ChoiceField(label=_("Came by"), choices=[*ANY, *Channel.choices], required=False)
    q = forms.CharField(label=_("Number of the request or the person"), max_length=64, required=False)
    mine = forms.BooleanField(label=_("Only those I have taken"), required=False)

    def wanted(self) -> dict[str, Any]:
        self.is_valid()
        found = {name: self.cleaned_data.get(name) or "" for name in self.fields}
        return found | {"state": found["state"] or Shown.OPEN.value}


class FileForm(forms.Form):
    """A form with at most one file; what the file is, its content says."""

    file = forms.FileField(
        label=_("File, if there is one"),
        required=False,
        help_text=_(
            "A PDF, a PNG, JPEG or TIFF picture, or plain text, at most 5 MB. Never a copy of an identity card."
        ),
    )

    def __init__(self, *args: Any, too_long: bool = False, **named: Any) -> None:
        super().__init__(*args, **named)
        self.too_long = too_long

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if self.too_long:
            self.add_error("file", _("A file has at most %(n)d MB.") % {"n": MOST_BYTES // 2**20})
        return given

    def uploads(self) -> tuple[Upload, ...]:
        file = self.cleaned_data.get("file")
        return (Upload(file.name or "", file.read()),) if file else ()


class WriteForm(FileForm):
    """Words, and perhaps a file."""

    text = forms.CharField(label=_("Text"), max_length=LONGEST_TEXT, widget=forms.Textarea(attrs={"rows": 4}))
    field_order = ["text", "file"]


class NoteForm(WriteForm):
    """For colleagues, and for the person's copy."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["text"].label = _("Note")
        self.fields["text"].help_text = _(
            "Only those who handle requests see it here. But it is about the person: it is in the copy of their data, "
            "as you write it."
        )


class RemarkForm(NoteForm):
    """A note about somebody unknown, in words alone."""

    file = None
    field_order = ["text"]


class MessageForm(WriteForm):
    """For the person."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["text"].label = _("Message to the person")
        self.fields["text"].help_text = _("They get a mail that there is a message, without its text.")


class AnswerForm(WriteForm):
    """For those who handle the request."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["text"].label = _("Your message")
        self.fields["text"].help_text = _(
            "Those who handle your request get a mail that there is one, without its text."
        )


class PersonField(forms.CharField):
    """An employee number; gives the person, None where it is empty."""

    def clean(self, value: Any) -> Employee | None:
        number = str(super().clean(value)).strip()
        if not number:
            return None
        person = find(number)
        if person is None:
            raise forms.ValidationError(_("There is nobody of this number."))
        return person


class HowForm(FileForm):
    """How it was made sure who asks, and how the answer reaches them."""

    person = PersonField(label=_("Employee number"), max_length=64)
    identity = forms.ChoiceField(
        label=_("How you know who asks"),
        choices=Identity.choices,
        initial=Identity.NOT_YET,
        help_text=_("The least that makes you sure. Do not ask for a copy of a document, and do not keep one."),
    )
    delivery = forms.ChoiceField(label=_("How the answer reaches them"), choices=Delivery.choices)


class MatchForm(HowForm):
    """Whose request it is."""

    file = None
    identity = forms.ChoiceField(
        label=_("How you know who asks"),
        choices=[("", _("choose")), *(each for each in Identity.choices if each[0] != Identity.NOT_YET)],
    )


class IntakeForm(HowForm):
    """A request that came in from outside."""

    number = forms.UUIDField(widget=forms.HiddenInput, initial=uuid.uuid4)
    kind = forms.ChoiceField(label=_("What is asked for"), choices=Kind.choices)
    channel = forms.ChoiceField(label=_("How it came"), choices=[(each.value, each.label) for each in BROUGHT_IN])
    received_on = forms.DateField(
        label=_("When it reached the company"),
        help_text=_("The day it arrived anywhere in the company. The due date counts from it, not from today."),
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    name = forms.CharField(label=_("Name they give"), max_length=LONGEST_NAME, required=False)
    contact = forms.CharField(label=_("Where to write back"), max_length=LETTERS, required=False)
    representative = forms.CharField(
        label=_("Representative"),
        max_length=LONGEST_NAME,
        required=False,
        help_text=_("Who asks on their behalf, if somebody does. Note that you saw the mandate; do not keep it."),
    )
    text = forms.CharField(
        label=_("What they ask, in their words"),
        max_length=LONGEST_TEXT,
        required=False,
        widget=forms.Textarea(attrs={"rows": 4}),
        help_text=_("It is kept sealed, and it is in the copy of their data."),
    )
    format = forms.ChoiceField(label=_("Format, for a copy"), choices=Format.choices, initial=Format.CSV)
    field_order = [
        "number",
        "kind",
        "channel",
        "received_on",
        "person",
        "identity",
        "name",
        "contact",
        "representative",
        "text",
        "file",
        "delivery",
        "format",
    ]

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.fields["person"].required = False
        self.fields["person"].help_text = _(
            "Empty while you do not know for sure who asks: then it stands in the queue with its own date until "
            "a colleague finds out. For people who have left, too."
        )

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        day, today = given.get("received_on"), timezone.localdate()
        if day and day > today:
            self.add_error("received_on", _("It cannot have arrived later than today."))
        if day and day < today - OLDEST:
            self.add_error("received_on", _("That is more than three years ago."))
        self._check_who(given)
        return given

    def _check_who(self, given: dict[str, Any]) -> None:
        by_another = given.get("channel") == Channel.REPRESENTATIVE or given.get("identity") == Identity.MANDATE
        if by_another and not given.get("representative"):
            self.add_error("representative", _("Name the representative."))
        if given.get("person") and given.get("identity") == Identity.NOT_YET:
            self.add_error("identity", _("Say how you know who asks; until then leave the number empty."))
        if not given.get("person") and not (given.get("name") or given.get("text")) and not given.get("file"):
            self.add_error("name", _("Write down who asks or what they wrote."))

    def came(self) -> Came:
        given = {name: self.cleaned_data[name] for name in self.fields if name not in {"number", "person", "file"}}
        return Came(id=self.cleaned_data["number"], files=self.uploads(), **given)


class EndingForm(forms.Form):
    """How a request of somebody unknown ends."""

    ending = forms.ChoiceField(
        label=_("How it ends"),
        choices=[(each.value, each.label) for each in ENDINGS],
        widget=forms.RadioSelect,
    )


class CodeForm(forms.Form):
    """The two halves of a code."""

    first = forms.CharField(label=_("First half"), max_length=60, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    second = forms.CharField(
        label=_("Second half"), max_length=60, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def code(self) -> str:
        return self.cleaned_data["first"] + self.cleaned_data["second"]
