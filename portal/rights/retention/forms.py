"""The form that shortens: a category, and for how many days it is to be kept."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from consent.values import CATEGORIES


class ShortenForm(forms.Form):
    category = forms.ChoiceField(choices=[(key, key) for key in CATEGORIES])
    days = forms.IntegerField(min_value=1, max_value=100_000, label=_("Days"))


class CategoryForm(forms.Form):
    category = forms.ChoiceField(choices=[(key, key) for key in CATEGORIES])
