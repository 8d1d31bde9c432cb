"""Where nothing was taken: when exactly, and why, on the day's page and in the calendar, however long ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from consent import actions
from consent.models import Gate
from portal.people.models import Employee
from portal.register.models import Controller, PurposeRecord, WorksAgreement
from tests.makers import make_permitted, make_purpose, sign_in

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

DAY = datetime(2026, 3, 10, tzinfo=UTC)


@pytest.fixture
def at(monkeypatch):
    """Do something as if it were then."""

    def call(hour, act, day=DAY, **asked):
        with monkeypatch.context() as patched:
            then = day + timedelta(hours=hour)
            patched.setattr(timezone, "now", lambda: then)
            return act(**asked)

    return call


@pytest.fixture
def ada(ada, at):
    """Somebody who said yes in February."""
    Employee.objects.filter(pk=ada.pk).update(time_zone="UTC", working_hours="")
    ada.refresh_from_db()
    at(0, make_permitted, day=DAY - timedelta(days=30), employee=ada)
    return ada


@pytest.fixture
def day_page(client, ada):
    sign_in(client, ada)

    def call(day=DAY):
        return client.get(f"/people/{ada.pk}/data/{day:%Y-%m-%d}/").content.decode()

    return call


@pytest.fixture
def calendar(client, ada):
    sign_in(client, ada)
    return lambda month="2026-03": client.get(f"/people/{ada.pk}/data/?month={month}").content.decode()


def pause(at, ada, start=10.25, end=11):
    at(start, actions.pause, subject_id=ada.pk, until=DAY + timedelta(hours=end))


def test_a_day_without_a_gap_speaks_of_none(day_page, ada):
    assert "When nothing was taken" not in day_page()


def test_a_pause_is_shown_with_its_times(day_page, calendar, at, ada):
    pause(at, ada)
    assert "10:15 to 11:00: you had paused" in day_page()
    month = calendar()
    assert "Tue 10 Mar, 10:15 to 11:00" in month
    assert "10:15 to 11:00: you had paused" in month


def test_also_once_the_gate_has_forgotten_it(day_page, calendar, at, ada):
    pause(at, ada)
    actions.pause(subject_id=ada.pk, until=timezone.now() + timedelta(minutes=15))
    assert len(Gate.objects.get(pk=ada.pk).pauses) == 1
    assert "10:15 to 11:00: you had paused" in day_page()


def test_one_that_was_ended_early_ends_there(day_page, at, ada):
    pause(at, ada)
    at(10.5, actions.resume, subject_id=ada.pk)
    assert "10:15 to 10:30: you had paused" in day_page()


def test_pauses_that_overlap_are_one_gap(day_page, at, ada):
    pause(at, ada)
    pause(at, ada, 10.5, 12)
    assert "10:15 to 12:00: you had paused" in day_page()


def test_one_over_midnight_is_on_both_days(day_page, at, ada):
    pause(at, ada, 23, 25)
    assert "From 23:00 on: you had paused" in day_page()
    assert "Until 01:00: you had paused" in day_page(DAY + timedelta(days=1))


def test_a_no_and_a_new_yes_are_explained(day_page, calendar, at, ada):
    at(9, actions.withdraw, subject_id=ada.pk, purpose_key="train", path="/choices/")
    at(33, actions.give, subject_id=ada.pk, purpose_key="train", path="/choices/")
    assert "From 09:00 on: you had said no" in day_page()
    assert "Until 09:00: you had said no" in day_page(DAY + timedelta(days=1))
    assert "Tue 10 Mar, 09:00 to Wed 11 Mar, 09:00" in calendar()
    assert "you had said no" not in day_page(DAY + timedelta(days=2))


def test_before_anything_was_answered_nothing_was_permitted(day_page, calendar, ada):
    assert "All day: nothing was permitted" in day_page(DAY - timedelta(days=40))
    assert "Until Sun 8 Feb, 00:00" in calendar("2026-02")


def test_a_no_to_one_of_two_leaves_no_gap(day_page, at, ada):
    at(0, make_purpose, day=DAY - timedelta(days=30), key="study")
    at(1, actions.give, day=DAY - timedelta(days=30), subject_id=ada.pk, purpose_key="study", path="/choices/")
    at(9, actions.withdraw, subject_id=ada.pk, purpose_key="train", path="/choices/")
    assert "When nothing was taken" not in day_page()


def test_what_was_not_acknowledged_is_explained(day_page, at, ada):
    Employee.objects.filter(pk=ada.pk).update(jurisdiction="US-NY")
    at(8, make_purpose, key="ny", basis="legal_obligation", covers={})
    PurposeRecord.objects.create(purpose_key="ny", jurisdictions=["US-NY"], must_acknowledge=True)
    at(12, actions.acknowledge, subject_id=ada.pk, purpose_key="ny", path="/welcome/")
    assert "08:00 to 12:00: you had not confirmed yet that you were told" in day_page()
    Employee.objects.filter(pk=ada.pk).update(jurisdiction="DE")
    assert "When nothing was taken" not in day_page()


def test_a_notice_that_only_has_to_be_acknowledged_permits_nothing(day_page, at, ada):
    Employee.objects.filter(pk=ada.pk).update(jurisdiction="US-NY")
    at(0, make_purpose, day=DAY - timedelta(days=20), key="ny", basis="legal_obligation", covers={})
    PurposeRecord.objects.create(purpose_key="ny", must_acknowledge=True)
    at(1, actions.acknowledge, day=DAY - timedelta(days=20), subject_id=ada.pk, purpose_key="ny", path="/")
    at(9, actions.withdraw, subject_id=ada.pk, purpose_key="train", path="/choices/")
    assert "All day: you had said no" in day_page(DAY + timedelta(days=1))


def test_a_source_that_was_not_agreed_upon_is_explained(day_page, ada):
    Employee.objects.filter(pk=ada.pk).update(jurisdiction="DE")
    Controller.objects.create(name="ACME", agreement_required=True, agreement_countries=["DE"])
    assert "All day: your representatives had not agreed to it" in day_page()
    WorksAgreement.objects.create(
        source_id="agent",
        country="DE",
        reference="1",
        clause="1",
        parties="All",
        dated=(DAY + timedelta(days=1)).date(),
    )
    assert "All day: your representatives had not agreed to it" in day_page()
    assert "When nothing was taken" not in day_page(DAY + timedelta(days=1))


def test_an_account_that_was_closed_is_explained(day_page, at, ada):
    at(9, actions.deactivate, subject_id=ada.pk)
    at(15, actions.admit, subject_id=ada.pk)
    row = Gate.objects.get(pk=ada.pk)
    assert row.pauses, "kept for 31 days, by the clock that was told"
    assert "09:00 to 15:00: your account was closed" in day_page()


def test_a_retired_purpose_is_explained(day_page, at, ada):
    at(9, actions.retire_purpose, key="train")
    assert "From 09:00 on: its purpose had ended" in day_page()
