"""Where a recipient confirms by the link in its mail, and where handlers follow up what nobody has confirmed."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from consent.values import Closed
from portal.http import rule
from portal.people.guards import actor_of
from portal.rights import recipients
from portal.rights.guards import own_case
from portal.rights.models import SubjectRequest
from portal.rights.redress import contacts, pages, restricting
from portal.rights.redress.models import Told
from portal.rights.redress.values import Ending
from portal.rights.values import NotAllowed


@require_http_methods(["GET", "POST"])
@rule("public")
def told(request: HttpRequest, *, told: UUID, token: str) -> HttpResponse:
    """Show the reference and a button; opening the page confirms nothing, since programs that scan mail open it too."""
    found = Told.objects.filter(pk=told).first()
    if found is None or not contacts.is_token(found, token):
        return render(request, "redress/no_link.html", status=410)
    was_open = found.confirmed_at is None
    if request.method == "POST" and was_open:
        recipients.confirm(found)
        found.refresh_from_db()
    answer = render(request, "redress/told.html", {"told": found, "now": was_open and found.confirmed_at})
    answer["Referrer-Policy"] = "no-referrer"
    return answer


@require_safe
@rule("perm:requests.handle")
def follow_up(request: HttpRequest) -> HttpResponse:
    shown = pages.follow_up(request.user) | {"reasons": Ending.choices}
    return render(request, "redress/follow_up.html", shown)


@require_POST
@rule("perm:requests.handle")
def tell_by_hand(request: HttpRequest, *, told: UUID) -> HttpResponse:
    return _recorded(request, told, recipients.told_by_hand, _("Written down: the recipient has been told."))


@require_POST
@rule("perm:requests.handle")
def confirm_by_hand(request: HttpRequest, *, told: UUID) -> HttpResponse:
    return _recorded(request, told, recipients.confirmed_by_hand, _("Written down: the recipient has confirmed."))


def _recorded(request: HttpRequest, told: UUID, action: Callable[..., None], says: str) -> HttpResponse:
    found = Told.objects.filter(pk=told).first()
    if found is None:
        raise Http404
    try:
        action(told=found, by=actor_of(request))
        messages.success(request, says)
    except NotAllowed as error:
        messages.error(request, error.detail)
    return redirect("follow-up")


@require_POST
@own_case
def announce_end(request: HttpRequest, found: SubjectRequest) -> HttpResponse:
    try:
        restricting.announce(request=found, by=actor_of(request), reason=request.POST.get("reason", ""))
        messages.success(request, _("The person has been told. The restriction ends in a week."))
    except NotAllowed as error:
        messages.error(request, error.detail)
    except Closed:
        return render(request, "closed.html", status=503)
    return redirect("follow-up")
