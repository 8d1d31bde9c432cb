"""A session of somebody who left: opened by a code, short, bound to them alone, and of no use on any other page."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from portal.audit import trail
from portal.audit.values import Actor
from portal.http import View
from portal.people.models import Employee
from portal.rights.leaving import actions
from portal.rights.leaving.models import AccessCode
from portal.rights.models import SubjectRequest

NAME = "leaver"
IDLE_SECONDS = 15 * 60
MOST_SECONDS = 60 * 60


@dataclass(frozen=True)
class Leaver:
    """Who is here by a code."""

    employee: Employee
    code: AccessCode

    @property
    def subject_id(self) -> UUID:
        return self.employee.pk

    @property
    def actor(self) -> Actor:
        return actions.leaver(self.employee.pk)


def begin(request: HttpRequest, code: AccessCode) -> None:
    """Open a session under a new key; nobody is signed in by it."""
    request.session.flush()
    request.session[NAME] = {"code": str(code.pk), "digest": code.digest, "began": time.time()}
    request.session.set_expiry(IDLE_SECONDS)


def end_session(request: HttpRequest) -> None:
    request.session.flush()


def leaver_of(request: HttpRequest) -> Leaver | None:
    """Return who is here, asked of the database each time: a code that was taken back opens nothing more."""
    said = request.session.get(NAME)
    if not said or request.user.is_authenticated or time.time() - said["began"] > MOST_SECONDS:
        return None
    code = AccessCode.objects.valid().filter(pk=said["code"], digest=said["digest"]).first()
    employee = Employee.objects.filter(pk=code.subject_id, is_active=False).first() if code else None
    if code is None or employee is None:
        return None
    request.session.set_expiry(IDLE_SECONDS)
    return Leaver(employee, code)


LeaverView = Callable[..., HttpResponse]


def leaver_page(view: LeaverView) -> View:
    """The rule `leaver`: for who came by a code, about themselves."""

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponse:
        me = leaver_of(request)
        return view(request, me) if me else redirect("leavers")

    guarded.rule = "leaver"  # type: ignore[attr-defined]
    return guarded


def leaver_request(view: LeaverView) -> View:
    """The rule `leaver_owner`: the request named in the address is that of who came by a code."""

    @wraps(view)
    def guarded(request: HttpRequest, *, pk: UUID) -> HttpResponse:
        me = leaver_of(request)
        if me is None:
            return redirect("leavers")
        found = SubjectRequest.objects.filter(pk=pk).first()
        if found is None:
            raise Http404
        if found.subject_id != me.subject_id:
            trail.refused(actor=me.actor, subject_id=found.subject_id, path=request.path)
            raise Http404
        return view(request, me, found)

    guarded.rule = "leaver_owner"  # type: ignore[attr-defined]
    return guarded
