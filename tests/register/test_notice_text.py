"""The notice is written from the register and holds every item of Art. 13 and 14."""

from __future__ import annotations

import pytest

from consent.models import NoticeVersion

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def text_of(purpose, language="en"):
    return NoticeVersion.objects.get(notice__purpose=purpose, notice__language=language).text


def test_it_holds_every_item(company):
    company.go_live()
    text = text_of("assistant-training")
    for item in (
        "Nordlicht Werke GmbH",  # controller
        "Lea Lindqvist, dpo@nordlicht.example",  # data protection officer
        "teach a model to carry out",  # purpose
        "your consent (Art. 6(1)(a) GDPR)",  # basis
        "Nordlicht Research Lab",  # recipients by name
        "Elbe Hosting AG (DE)",  # processors and transfers
        "180 days",  # period
        "Art. 15",
        "Art. 17",
        "Art. 20",  # rights
        "take your yes back at any time",  # withdrawal
        "Hamburg Commissioner",  # complaint
        "No law and no contract obliges you",  # whether obligatory
        "Nobody is scored",  # automated decisions
        "Desktop recorder",  # where it comes from
        "where the pointer moves",  # categories
        "Saying no has no consequence",  # refusal
        "recordings of volunteers",  # alternative
        "BV 2026/07",  # works agreement
        "Impact assessment of the desktop recorder, 2026-09-15",
    ):
        assert item in text, item


def test_it_says_that_earlier_recordings_are_taken_in(company):
    company.go_live()
    assert "Earlier recordings are taken in: screen recordings that you made" in text_of("assistant-training")
    assert "Earlier recordings" not in text_of("fault-finding")


def test_it_names_the_apps_whose_text_is_kept(company):
    company.go_live()
    assert "typed text: Suggestions are learned from sentences. Only in: Writer, Calc." in text_of("writing-help")


def test_it_never_says_consent_where_the_basis_is_an_interest(company):
    company.go_live()
    text = text_of("fault-finding")
    assert "consent" not in text.lower()
    assert "Object at any time (Art. 21)" in text
    assert "The interest: Programs that fail" in text


def test_each_language_begins_with_its_own_words(company):
    company.go_live()
    assert text_of("writing-help", "de").startswith("# Bessere Vorschläge beim Schreiben")
