"""What somebody says who looked into another system."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from portal.rights.cases.values import LONGEST_TEXT
from portal.rights.connectors.values import TaskState


class AnswerForm(forms.Form):
    """Done or nothing, a few words that the person reads, and for a copy what was found."""

    outcome = forms.ChoiceField(label=_("What you found"), choices=[], widget=forms.RadioSelect)
    note = forms.CharField(
        label=_("A few words, which the person reads"),
        required=False,
        max_length=LONGEST_TEXT,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, copy: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        done = _("I found something, and attach it") if copy else _("It is deleted there")
        self.fields["outcome"].choices = [(TaskState.DONE, done), (TaskState.NOTHING, _("There is nothing"))]
        if copy:
            self.fields["file"] = forms.FileField(
                label=_("What was found"),
                required=False,
                help_text=_(
                    "A PDF, a picture or plain text, at most 5 MB. It is sealed at once and goes into the copy."
                ),
            )
