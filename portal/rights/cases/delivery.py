"""Handing a copy over without an account: a code in two halves, each passed on by another colleague.

Nobody who handles requests sees the data. So no one of them ever holds the whole code: one half is shown once to one,
the other once to another, and they reach the person on two ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from portal.audit.values import Action, Actor, ActorKind
from portal.people.subjects import in_line
from portal.rights import codes
from portal.rights.actions import Download, download
from portal.rights.cases.models import HandOver, Intake
from portal.rights.cases.values import Delivery
from portal.rights.handing import downloads_left
from portal.rights.handling import cannot_decide, must_handle, why_not_handle
from portal.rights.models import Bundle, SubjectRequest
from portal.rights.opening import act, actor_key
from portal.rights.values import NotAllowed, State
from portal.vault import serverkey

# Letters take days; the copy is kept for as long.
KEPT = timedelta(days=14)
MOST_USES = 3
HALVES = ("first", "second")
HANDED_OUT_AS = "code"


def why_not(request: SubjectRequest) -> str:
    """Say why no code can be made, empty if one can."""
    intake = Intake.objects.filter(request=request).first()
    if intake is None or intake.delivery == Delivery.ACCOUNT:
        return _("The person fetches this copy in Daylight, when they sign in.")
    if request.state not in {State.READY, State.DELIVERED}:
        return _("The copy is not ready yet.")
    copy = Bundle.objects.filter(request=request.lead).first()
    if copy is not None and not downloads_left(copy):
        return _("The copy was fetched three times, which is as often as one can be.")
    return ""


@transaction.atomic
def make(*, request: SubjectRequest, by: Actor) -> HandOver:
    """Make a code for exactly this copy, in place of an earlier one, and keep the copy for as long as the code."""
    must_handle(request, by)
    if not request.is_copy or (why := why_not(request)):
        raise NotAllowed("code.not_possible", why if request.is_copy else _("This request has no copy."))
    SubjectRequest.objects.select_for_update(of=("self",)).get(pk=request.pk)
    HandOver.objects.filter(request=request, ended_at=None).update(ended_at=timezone.now(), **EMPTY)
    ends = timezone.now() + KEPT
    Bundle.objects.filter(request=request.lead, expires_at__lt=ends).update(expires_at=ends)
    code = codes.new()
    first, second = (serverkey.seal_secret(half) for half in codes.halves(code))
    made = HandOver.objects.create(
        request=request, digest=codes.digest(code), first_half=first, second_half=second, expires_at=ends
    )
    act(Action.CODE_MADE, request, by)
    return made


EMPTY = {"first_half": "", "second_half": ""}


@transaction.atomic
def show(*, request: SubjectRequest, half: str, by: Actor) -> str:
    """Return one half of the code, once; whoever was shown one is never shown the other."""
    if why := _why_not_pass_on(request, half, by):
        raise cannot_decide(why)
    found = HandOver.objects.usable().select_for_update(of=("self",)).filter(request=request).first()
    if found is None or half not in HALVES:
        raise NotAllowed("code.none", _("There is no code; make one first."))
    sealed, other = getattr(found, f"{half}_half"), found.second_shown_to if half == "first" else found.first_shown_to
    if not sealed:
        raise NotAllowed("code.shown", _("This half has been shown already. If it was lost, make a new code."))
    if other == actor_key(by):
        raise NotAllowed("code.two_people", _("You were shown the other half: a colleague passes this one on."))
    HandOver.objects.filter(pk=found.pk).update(**{f"{half}_half": "", f"{half}_shown_to": actor_key(by)})
    act(Action.CODE_SHOWN, request, by, half=half)
    return serverkey.open_secret(sealed)


def _why_not_pass_on(request: SubjectRequest, half: str, by: Actor) -> str:
    """Half a code opens nothing, so whoever recorded the request may pass the second on, if it is not of their line."""
    why = why_not_handle(request, by)
    if why != "handler.opened_it" or half != "second":
        return why
    return "handler.concerned" if in_line(UUID(by.id), request.subject_id) else ""


@transaction.atomic
def end(*, request: SubjectRequest, by: Actor) -> None:
    """Make the code worthless, such as when a letter went astray."""
    must_handle(request, by)
    if HandOver.objects.filter(request=request, ended_at=None).update(ended_at=timezone.now(), **EMPTY):
        act(Action.CODE_ENDED, request, by)


def fetch(typed: str) -> Download:
    """Return the copy that a code stands for, and count the use; raises NotAllowed, the same for every wrong code.

    Must be called outside any transaction: the access is committed before the first byte.
    """
    row = HandOver.objects.usable().filter(digest=codes.digest(typed), uses__lt=MOST_USES)
    found = row.select_related("request__joined_to").first()
    if found is None or not row.update(uses=F("uses") + 1):
        raise NotAllowed("code.wrong", _("This code opens nothing: it is mistyped, used up, or its time is over."))
    holder = Actor(ActorKind.PERSON, f"{HANDED_OUT_AS}:{found.pk}", role=HANDED_OUT_AS)
    with _given_back(found):
        return download(request=found.request, by=holder)


@contextmanager
def _given_back(code: HandOver) -> Iterator[None]:
    """Give a use back if nothing was handed out for it, such as while no access can be written down."""
    handed_out = False
    try:
        yield
        handed_out = True
    finally:
        if not handed_out:
            HandOver.objects.filter(pk=code.pk).update(uses=F("uses") - 1)
