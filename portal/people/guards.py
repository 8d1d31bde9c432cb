"""Whose page it is, who acts, and how long ago they signed in."""

from __future__ import annotations

import time
from functools import wraps
from typing import Any, NoReturn
from urllib.parse import urlencode
from uuid import UUID

from allauth.account.internal.flows.login import get_authentication_records
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from portal.audit import trail
from portal.audit.values import Actor, ActorKind
from portal.http import View
from portal.people.models import Employee
from portal.people.tokens import Token


def actor_of(request: HttpRequest, about: UUID | None = None) -> Actor:
    """Who acts in this request. Staff and programs keep a name in the trail; whoever acts about themselves does not."""
    auth = getattr(request, "auth", None)
    if isinstance(auth, Token):
        return auth.actor
    if not isinstance(request.user, Employee):
        raise PermissionDenied
    return actor_for(request.user, about)


def actor_for(employee: Employee, about: UUID | None = None) -> Actor:
    roles = ",".join(sorted(employee.roles))
    if not roles or employee.pk == about:
        return Actor(kind=ActorKind.PERSON, id=str(employee.pk), role="employee", label="")
    return Actor(kind=ActorKind.PERSON, id=str(employee.pk), role=roles, label=employee.name)


def refuse(request: HttpRequest, subject_id: UUID) -> NoReturn:
    """Answer 404, and show the person whose it is that somebody tried."""
    if Employee.objects.filter(pk=subject_id).exists():
        trail.refused(actor=actor_of(request, about=subject_id), subject_id=subject_id, path=request.path)
    raise Http404


def own_page(view: View) -> View:
    """The rule `self`: the page of `subject_id` is for that person alone, whatever roles others hold."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, subject_id: UUID, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path())
        if request.user.pk != subject_id:
            refuse(request, subject_id)
        return view(request, *args, subject_id=subject_id, **kwargs)

    guarded.rule = "self"  # type: ignore[attr-defined]
    return guarded


def signed_in_recently(request: HttpRequest) -> bool:
    """Whether the person proved who they are in this session within the last minutes, by signing in or again."""
    records = get_authentication_records(request, request.user)
    return bool(records) and time.time() - records[-1]["at"] < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT


def recent_sign_in(view: View) -> View:
    """Send somebody who signed in too long ago to prove it again, and back to the page they came from."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if signed_in_recently(request):
            return view(request, *args, **kwargs)
        return HttpResponseRedirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': _back(request)})}")

    return guarded


def _back(request: HttpRequest) -> str:
    """A form sent too late is not replayed: its page is shown again, and the person decides again."""
    if request.method == "GET":
        return request.get_full_path()
    referer = request.headers.get("Referer", "").removeprefix(f"{request.scheme}://{request.get_host()}")
    # Without its query a confirmation would ask for more than was chosen.
    return referer if referer.startswith("/") else request.get_full_path()
