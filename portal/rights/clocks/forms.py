"""A question, its answer, and why more time is needed."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.rights.clocks.values import Question
from portal.rights.values import Extension

_AREA = forms.Textarea(attrs={"rows": 3})


class QuestionForm(forms.Form):
    """What is asked of the person."""

    code = forms.ChoiceField(label=_("What it is about"), choices=Question.choices)
    text = forms.CharField(label=_("The question, in words the person will read"), max_length=2000, widget=_AREA)


class AnswerForm(forms.Form):
    """The person's answer."""

    text = forms.CharField(label=_("Your answer"), max_length=4000, widget=_AREA)


class MoreTimeForm(forms.Form):
    """Why more time is needed."""

    reason = forms.ChoiceField(label=_("Why"), choices=Extension.choices)
