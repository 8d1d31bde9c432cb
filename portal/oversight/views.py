"""Pages of those who watch: how people answer as groups, what is about to change, and what sends after a no."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from consent.values import Closed
from portal.events import devices
from portal.http import rule
from portal.outbox import actions as outbox
from portal.outbox.models import Mail
from portal.oversight import pages
from portal.people.guards import actor_of, recent_sign_in
from portal.register import policy
from portal.rights.retention import telling


@require_safe
@rule("perm:audit.read")
def answers(request: HttpRequest) -> HttpResponse:
    return render(request, "oversight/answers.html", {"answers": pages.answers()})


@require_safe
@rule("perm:register.approve")
def drafts(request: HttpRequest) -> HttpResponse:
    return render(request, "oversight/drafts.html", pages.drafts(request.user))


@require_POST
@rule("perm:register.approve")
@recent_sign_in
def approve_drafts(request: HttpRequest) -> HttpResponse:
    """Say yes to the drafts that were read, and to no other."""
    by = actor_of(request)
    role = pages.approving_role(request.user)
    try:
        missing = policy.approve(by=by, role=role, seen=pages.read_seen(request.POST.get("seen", "")))
    except Closed:
        return render(request, "closed.html", status=503)
    _tell(request, missing, kept=policy.approved_by(by.id))
    return redirect("drafts")


def _tell(request: HttpRequest, missing: list[str], *, kept: bool) -> None:
    if not missing:
        messages.success(request, _("Approved. It is in force from now on."))
    elif kept:
        messages.success(request, _("Your approval is kept. Nothing changes until the other role has approved too."))
    else:
        messages.error(request, _("Not approved: %(missing)s") % {"missing": "; ".join(missing)})


@require_safe
@rule("perm:sources.operate")
def senders(request: HttpRequest) -> HttpResponse:
    shown = {"senders": devices.noisy(), "days": devices.LISTED.days, "stuck": Mail.objects.stuck().count()}
    shown["standing"] = telling.standing()
    return render(request, "oversight/senders.html", shown)


@require_POST
@rule("perm:sources.operate")
def try_mail_again(request: HttpRequest) -> HttpResponse:
    """Send what was given up once more, after somebody has mended the cause."""
    outbox.try_again(by=actor_of(request))
    messages.success(request, _("Every mail that was given up is tried again."))
    return redirect("senders")
