"""The way through what concerns a person, one idea a screen; nothing on it is recorded unless a button is pressed."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from consent import gate
from portal.http import rule
from portal.rights.choices.cards import Card, Deck
from portal.rights.choices.reading import deck, full_deck


@require_safe
@rule("signed_in")
def welcome(request: HttpRequest) -> HttpResponse:
    """What this is, in three sentences."""
    found = _deck(request)
    context = {"deck": found, "on": _onward(found.after("")), "step": 1, "steps": _steps(found)}
    return render(request, "welcome/welcome.html", context)


@require_safe
@rule("signed_in")
def purpose(request: HttpRequest, purpose_key: str) -> HttpResponse:
    """One purpose, to be answered or left for later."""
    counted = request.GET.get("count", "")
    found = full_deck(request.user, gate.read(request.user.pk), get_language() or "en", counted)
    card = found.card(purpose_key)
    if card is None:
        return redirect("welcome")
    step = found.way.index(card) + 2
    context = {"card": card, "on": _onward(found.after(purpose_key)), "step": step, "steps": _steps(found)}
    return render(request, "welcome/purpose.html", context)


@require_safe
@rule("signed_in")
def done(request: HttpRequest) -> HttpResponse:
    """What was decided, and where each can be changed."""
    found = _deck(request)
    return render(request, "welcome/done.html", {"deck": found, "step": _steps(found), "steps": _steps(found)})


def next_screen(request: HttpRequest, purpose_key: str) -> str:
    """Return the address of what comes after a purpose was answered."""
    return _onward(_deck(request).after(purpose_key))


def _deck(request: HttpRequest) -> Deck:
    return deck(request.user, gate.read(request.user.pk), get_language() or "en")


def _onward(card: Card | None) -> str:
    return reverse("welcome-purpose", args=[card.key]) if card else reverse("welcome-done")


def _steps(found: Deck) -> int:
    """Return how many screens there are: what this is, one for each purpose, what was decided."""
    return len(found.cards) + 2
