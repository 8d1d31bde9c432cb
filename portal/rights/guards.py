"""Whose request it is: pages of a request are for the person it is about, cases for those who may handle them."""

from __future__ import annotations

from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse

from consent.models import Opening
from portal.http import View, rule
from portal.people.guards import refuse
from portal.people.subjects import in_line
from portal.rights.models import SubjectRequest


def own_request(view: View) -> View:
    """The rule `owner`: the request named in the address is the person's own, whatever roles others hold."""

    @wraps(view)
    def guarded(request: HttpRequest, *, pk: UUID, **more: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        found = SubjectRequest.objects.filter(pk=pk).first()
        if found is None:
            raise Http404
        if found.subject_id != request.user.pk:
            refuse(request, found.subject_id)
        return view(request, found, **more)

    guarded.rule = "owner"  # type: ignore[attr-defined]
    return guarded


def own_case(view: View) -> View:
    """The rule `perm:requests.handle`, for a case that concerns neither oneself nor one's own line."""

    @rule("perm:requests.handle")
    @wraps(view)
    def guarded(request: HttpRequest, *, pk: UUID, **more: Any) -> HttpResponse:
        found = SubjectRequest.objects.filter(pk=pk).first()
        if found is None:
            raise Http404
        if in_line(request.user.pk, found.subject_id):
            refuse(request, found.subject_id)
        if found.is_private:
            raise Http404
        return view(request, found, **more)

    return guarded


def own_entry(view: View) -> View:
    """The rule `owner`: the entry of the log named in the address is about the person."""

    @wraps(view)
    def guarded(request: HttpRequest, *, index: int) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        subject_id = Opening.objects.filter(leaf_idx=index).values_list("subject_id", flat=True).first()
        if subject_id is None:
            raise Http404
        if subject_id != request.user.pk:
            refuse(request, subject_id)
        return view(request, index)

    guarded.rule = "owner"  # type: ignore[attr-defined]
    return guarded
