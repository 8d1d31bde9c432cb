"""What a person says of a device: its name, whose it is, where it is, and their yes if it is their own."""

from __future__ import annotations

from typing import Any, Protocol

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.events.enrolment import countries
from portal.events.enrolment.actions import Chosen
from portal.events.enrolment.values import LONGEST_NAME, Ownership

WHOSE = (
    (Ownership.COMPANY.value, gettext_lazy("The company’s")),
    (Ownership.PERSONAL.value, gettext_lazy("My own")),
)


class SaidOfDevice(Protocol):
    """What was said of a device before, however it was read."""

    @property
    def ownership(self) -> str: ...

    @property
    def agreed(self) -> bool: ...

    @property
    def country(self) -> str: ...


class DeviceForm(forms.Form):
    """Asked when a collector joins, and whenever the person changes it."""

    name = forms.CharField(label=gettext_lazy("What you call this device"), max_length=LONGEST_NAME)
    ownership = forms.ChoiceField(label=gettext_lazy("Whose device it is"), choices=WHOSE, widget=forms.RadioSelect)
    agreed = forms.BooleanField(
        label=gettext_lazy("It is my own device, and I agree that it is collected from"),
        help_text=gettext_lazy("Without this nothing is taken from a device of your own."),
        required=False,
    )
    country = forms.ChoiceField(
        label=gettext_lazy("Where it is used"),
        help_text=gettext_lazy("If rules differ between there and where you work, the stricter ones count."),
        required=False,
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usual = ("", _("Where I work"))
        self.fields["country"].choices = [usual, *countries.choices()]  # type: ignore[attr-defined]

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if not name.isprintable():
            raise forms.ValidationError(_("Use characters that can be printed."))
        return name

    @property
    def chosen(self) -> Chosen:
        given = self.cleaned_data
        return Chosen(given["name"], given["ownership"], given["agreed"], given["country"])


def form_of(device: SaidOfDevice, name: str, **named: Any) -> DeviceForm:
    """Return the form as the device stands now."""
    initial = {"name": name, "ownership": device.ownership, "agreed": device.agreed, "country": device.country}
    return DeviceForm(initial=initial, **named)
