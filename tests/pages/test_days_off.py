"""Days off: marked and taken away by the person alone, without a reason; what has begun stays."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from consent import actions, gate, marking
from consent.models import LedgerState
from tests.makers import make_employee
from tests.pages.conftest import BACKEND

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
PAGE, MARK, UNMARK = "/days-off/", "/days-off/mark/", "/days-off/unmark/"


@pytest.fixture
def today(ada):
    with timezone.override(ada.time_zone):
        return timezone.localdate()


def off(person):
    return gate.read(person.pk).days_off


def sent(client, address, first, last=""):
    return client.post(address, {"first": str(first), "last": str(last)})


def test_a_day_and_a_stretch_are_marked_and_shown_and_no_reason_is_asked(as_ada, ada, today):
    page = as_ada.get(PAGE).content.decode()
    assert "You have marked no day." in page
    assert page.count('name="first"') == 1
    assert "textarea" not in page.split("<main", 1)[1]
    assert sent(as_ada, MARK, today).headers["Location"] == PAGE
    assert sent(as_ada, MARK, today + timedelta(days=2), today + timedelta(days=4)).status_code == 302
    assert off(ada) == {today + timedelta(days=n) for n in (0, 2, 3, 4)}
    page = as_ada.get(PAGE).content.decode()
    assert "today, until midnight" in page
    assert page.count(f'action="{UNMARK}"') == 1
    assert sent(as_ada, UNMARK, today + timedelta(days=2), today + timedelta(days=4)).status_code == 302
    assert off(ada) == {today}


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        (-1, "", "A day that is over cannot be marked"),
        (3, 2, "before the first"),
        (0, 401, "too far ahead"),
        (0, 150, "at most 100 days"),
        (401, "", "too far ahead"),
    ],
)
def test_what_cannot_be_marked_is_said(as_ada, ada, today, first, last, why):
    days = [today + timedelta(days=each) if each != "" else "" for each in (first, last)]
    answer = sent(as_ada, MARK, *days)
    assert answer.status_code == 422
    assert why in answer.content.decode()
    assert not off(ada)


@pytest.mark.parametrize("first", ["", "tomorrow", "2026-02-30", "99999-01-01", "0001-01-01", "\0", "9999-12-31"])
def test_what_is_no_day_is_refused(as_ada, ada, first):
    for address in (MARK, UNMARK):
        assert sent(as_ada, address, first).status_code == 422
    assert not off(ada)


def test_a_day_that_has_begun_cannot_be_taken_away(as_ada, ada, today):
    marking.mark(subject_id=ada.pk, days=[today], today=today)
    answer = as_ada.post(UNMARK, {"first": str(today)}, follow=True)
    assert "stays marked until it ends" in answer.content.decode()
    assert off(ada) == {today}


def test_while_the_site_is_closed_a_day_is_marked_and_none_is_taken_away(as_ada, ada, today):
    tomorrow = today + timedelta(days=1)
    LedgerState.objects.update_or_create(pk=1, defaults={"closed_reason": "restored"})
    assert sent(as_ada, MARK, tomorrow).status_code == 302
    assert sent(as_ada, UNMARK, tomorrow).status_code == 503
    assert off(ada) == {tomorrow}


def test_the_overview_and_the_past_say_it_as_it_is_today(as_ada, ada, today, train):
    actions.give(subject_id=ada.pk, purpose_key="train", path="tests")
    assert "Daylight accepts data from" in as_ada.get("/").content.decode()
    marking.mark(subject_id=ada.pk, days=[today], today=today)
    assert "You marked today as a day off. Daylight accepts nothing from you today." in as_ada.get("/").content.decode()
    assert "You marked this day as a day off" in as_ada.get("/choices/history/").content.decode()


def test_nobody_sees_or_changes_anothers_days(as_ada, ada, today):
    ben = make_employee("Ben Baker", roles=["hr"])
    marking.mark(subject_id=ada.pk, days=[today + timedelta(days=9)], today=today)
    other = Client()
    other.force_login(ben, BACKEND)
    assert "You have marked no day." in other.get(PAGE).content.decode()
    other.post(UNMARK, {"first": str(today + timedelta(days=9)), "subject_id": str(ada.pk)})
    other.post(MARK, {"first": str(today), "subject_id": str(ada.pk)})
    assert off(ada) == {today + timedelta(days=9)}
    assert Client().get(PAGE).status_code == 302
