"""Asking, answering and taking more time: forms that stand on the pages of a request and of a case."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms as django_forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from portal.people.guards import actor_of
from portal.rights import handling
from portal.rights.clocks import actions, forms
from portal.rights.guards import own_case, own_request
from portal.rights.models import SubjectRequest
from portal.rights.values import NotAllowed


def _done(request: HttpRequest, form: django_forms.Form, says: str, run: Callable[..., Any], /, **how: Any) -> None:
    """Do what a form asks and say how it went; the page that it stands on is shown again."""
    if not form.is_valid():
        messages.error(request, next(iter(form.errors.values()))[0])
        return
    try:
        run(**how, **form.cleaned_data)
        messages.success(request, says)
    except NotAllowed as error:
        messages.error(request, error.detail)


@require_POST
@own_case
def ask(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    form = forms.QuestionForm(request.POST)
    _done(request, form, _("Asked. The person is told by mail."), actions.ask, request=found, by=actor_of(request))
    return redirect("case", pk=found.pk)


@require_POST
@own_case
def extend(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    form = forms.MoreTimeForm(request.POST)
    says = _("Extended. The person is told, with the reason.")
    _done(request, form, says, handling.extend, request=found, by=actor_of(request))
    return redirect("case", pk=found.pk)


@require_POST
@own_request
def answer(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    form = forms.AnswerForm(request.POST)
    by = actor_of(request, about=found.subject_id)
    _done(request, form, _("Thank you. Your answer is there."), actions.answer, request=found, by=by)
    return redirect("request", pk=found.pk)
