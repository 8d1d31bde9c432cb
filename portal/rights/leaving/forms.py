"""What is typed in on the pages about leaving."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.people import subjects
from portal.people.models import Employee
from portal.rights.leaving.values import Way


class CodeForm(forms.Form):
    """An access code, however it was typed."""

    code = forms.CharField(
        label=_("Your access code"),
        max_length=80,
        help_text=_("Eight groups of four letters and figures. Spaces, dashes and small letters do not matter."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )


class ChannelForm(forms.Form):
    """Where an access code is to be sent."""

    way = forms.ChoiceField(label=_("How"), choices=Way.choices, widget=forms.RadioSelect, initial=Way.EMAIL)
    where = forms.CharField(
        label=_("Where"),
        max_length=500,
        help_text=_("A private e-mail address, or your name and postal address."),
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off"}),
    )


class LeavesForm(forms.Form):
    """Who leaves, and when."""

    number = forms.CharField(label=_("Employee number"), max_length=64)
    last_day = forms.DateField(label=_("Last day"), widget=forms.DateInput(attrs={"type": "date"}))
    now = forms.BooleanField(label=_("Close the account now"), required=False)

    employee: Employee

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        found = subjects.find(cleaned.get("number", ""))
        if found is None or not found.is_active:
            raise forms.ValidationError(_("There is no open account with this number."), code="unknown")
        self.employee = found
        return cleaned
