"""The choices page, and one view for each answer that can be given on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, time_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from consent import actions as consent
from consent import gate
from consent.actions import Recorded
from consent.models import Checkpoint, Purpose
from consent.values import Closed, NotAllowed
from portal.events.enrolment import reading as enrolled
from portal.http import View, rule
from portal.people.guards import actor_of
from portal.rights import actions, tasks
from portal.rights.choices import saying_no
from portal.rights.choices.reading import full_deck
from portal.rights.choices.views_welcome import next_screen
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind
from portal.rights.values import NotAllowed as NotPossible

MOST_WORDS = 2000
CHOICES, WELCOME = "page:choices", "page:welcome"


@require_safe
@rule("signed_in")
def choices(request: HttpRequest) -> HttpResponse:
    state = gate.read(request.user.pk)
    found = full_deck(request.user, state, get_language() or "en", request.GET.get("count", ""))
    return render(
        request, "choices/choices.html", {"deck": found, "state": state, "waiting": enrolled.waiting(request.user.pk)}
    )


def _answer(view: View) -> View:
    """Wrap what every answer needs: signed in, a POST, plain words when the site is closed or the text has changed."""

    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Closed:
            return render(request, "closed.html", status=503)
        except (NotAllowed, NotPossible) as error:
            messages.error(request, saying_no.said(error))
            return redirect("welcome" if _path(request) == WELCOME else "choices")

    return require_POST(rule("signed_in")(guarded))


def _path(request: HttpRequest) -> str:
    """Return where the answer was given, as the decision records it."""
    return WELCOME if request.POST.get("from") == "welcome" else CHOICES


def _deciding(decide: Callable[..., Recorded]) -> View:
    """Make the view of an answer that needs no more than the version that was read."""

    @_answer
    def view(request: HttpRequest, purpose_key: str) -> HttpResponse:
        purpose = get_object_or_404(Purpose, key=purpose_key)
        recorded = decide(
            subject_id=request.user.pk,
            purpose_key=purpose_key,
            path=_path(request),
            version=_version(request),
            language=request.POST.get("language") or get_language() or "en",
        )
        return _shown(request, purpose, recorded)

    return view


def _version(request: HttpRequest) -> int | None:
    sent = request.POST.get("version", "")
    return int(sent) if sent.isdecimal() and len(sent) < 10 else None


give = _deciding(consent.give)
acknowledge = _deciding(actions.acknowledge)


@_answer
def refuse(request: HttpRequest, purpose_key: str) -> HttpResponse:
    """Say no; on a page that was loaded before a yes it takes the yes back."""
    purpose = get_object_or_404(Purpose, key=purpose_key)
    recorded, erasure = actions.refuse_purpose(
        subject_id=request.user.pk,
        purpose_key=purpose_key,
        by=actor_of(request, about=request.user.pk),
        path=_path(request),
        version=_version(request),
        language=request.POST.get("language") or get_language() or "en",
    )
    if erasure is not None:
        tasks.nudge(erasure.pk)
    return _shown(request, purpose, recorded, erasure)


@_answer
def withdraw(request: HttpRequest, purpose_key: str) -> HttpResponse:
    """Take a yes back: collection ends with the commit, and what nothing else covers is called back."""
    purpose = get_object_or_404(Purpose, key=purpose_key)
    recorded, erasure = actions.withdraw(
        subject_id=request.user.pk,
        purpose_key=purpose_key,
        by=actor_of(request, about=request.user.pk),
        path=_path(request),
        erase="72h" if request.POST.get("erase") == "72h" else "now",
    )
    tasks.nudge(erasure.pk)
    return _shown(request, purpose, recorded, erasure)


@_answer
def object_to(request: HttpRequest, purpose_key: str) -> HttpResponse:
    """Object: collection ends with the commit; whether what there is goes, somebody decides."""
    purpose = get_object_or_404(Purpose, key=purpose_key)
    recorded, objection = actions.object_to(
        subject_id=request.user.pk,
        purpose_key=purpose_key,
        by=actor_of(request, about=request.user.pk),
        path=_path(request),
        note=request.POST.get("note", "").strip()[:MOST_WORDS],
    )
    return _shown(request, purpose, recorded, objection)


def _shown(
    request: HttpRequest, purpose: Purpose, recorded: Recorded, opened: SubjectRequest | None = None
) -> HttpResponse:
    """Say what was recorded and where; what the log does not hold yet is said to be pending (202)."""
    if recorded.pending:
        on = next_screen(request, purpose.key) if _path(request) == WELCOME else ""
        context = {"purpose": purpose, "recorded": recorded, "opened": opened, "on": on}
        return render(request, "choices/pending.html", context, status=202)
    messages.success(request, _sentence(purpose, recorded))
    if opened is not None:
        messages.info(request, _what_follows(opened))
    return HttpResponseRedirect(_next(request, purpose))


def _next(request: HttpRequest, purpose: Purpose) -> str:
    if _path(request) == WELCOME:
        return next_screen(request, purpose.key)
    return f"{reverse('choices')}#{purpose.key}"


def _what_follows(opened: SubjectRequest) -> str:
    if opened.not_before is not None:
        at = timezone.localtime(opened.not_before)
        return _(
            "What no other purpose covers is erased on %(time)s. Until then you can take a copy under Requests."
        ) % {"time": f"{date_format(at, 'l j F')}, {time_format(at, 'H:i')}"}
    if opened.kind == Kind.OBJECTION:
        return _("Whether what there is must go is now decided; Requests shows until when, and what was decided.")
    return _("What no other purpose covers is being erased now. Requests shows how far it is.")


def _sentence(purpose: Purpose, recorded: Recorded) -> SafeString:
    newest = Checkpoint.objects.order_by("-size").first()
    said = _("Recorded for “%(purpose)s” as entry %(index)d of the log.")
    if newest is not None:
        said += " " + _("The log was not rewritten since checkpoint %(checkpoint)d.")
    said %= {"purpose": purpose.title, "index": recorded.index, "checkpoint": newest.size if newest else 0}
    return format_html('{} <a href="{}">{}</a>', said, reverse("receipt", args=[recorded.index]), _("Your receipt"))
