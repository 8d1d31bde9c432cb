"""The live page: what arrives now, from which device, what is dropped and why, and why nothing arrives."""

from __future__ import annotations

import html
import re
import time
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent import actions
from consent.models import LedgerState
from portal.audit.models import Act
from portal.audit.values import Action
from portal.events import volumes
from portal.people.models import Employee
from tests.events.conftest import move, now_ms
from tests.makers import make_batch, make_collector, make_permitted, send
from tests.pages.conftest import BACKEND

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
HTMX = {"HX-Request": "true"}


@pytest.fixture
def laptop(ada):
    make_permitted(ada, title="Desktop agent")
    time.sleep(0.002)
    token = make_collector(ada, device="ThinkPad")

    def call(*events):
        answer = send(Client(), token, make_batch(None, list(events)))
        assert answer.status_code == 201, answer.content
        return answer.json()

    return call


@pytest.fixture
def look(as_ada, ada):
    """Look at the page; with a text of it, as the page that it was asks anew."""

    def call(before=""):
        since = re.search(r'name="since" value="([^"]*)"', before)
        query, headers = ({"since": since[1]}, HTMX) if since else ({}, {})
        answer = as_ada.get(f"/people/{ada.pk}/live/", query, headers=headers)
        return html.unescape(answer.content.decode()) if answer.status_code == 200 else answer.status_code

    return call


def test_it_says_what_arrives_from_which_device_in_which_app(look, laptop):
    first = look()
    assert "Nothing arrives at this moment" in first
    laptop(move(app="Figma"), move(app="Figma"))
    then = look(first)
    assert "Arriving now, from ThinkPad." in then
    assert "In Figma" in then
    assert re.search(r"Pointer movement</span><b class=\"num\">2</b>", then)
    assert "<html" not in then


def test_it_answers_nothing_where_nothing_changed(look, laptop):
    laptop(move())
    assert look(look()) == 204


def test_what_was_dropped_is_counted_with_its_reason_also_once_the_counts_are_folded(look, laptop, ada):
    actions.pause(subject_id=ada.pk, until=timezone.now() + timedelta(hours=1))
    time.sleep(0.002)
    first = look()
    assert "Nothing is taken: you have paused until" in first
    laptop(move(), move(), move())
    then = look(first)
    assert "ThinkPad sends, and all of it is dropped on arrival" in then
    volumes.fold_all()
    again = look(first)
    for said in (then, again):
        assert re.search(r"because you had paused</span><b class=\"num\">3</b>", said)
    assert "Nothing was kept." in again


def test_what_is_for_an_earlier_day_is_seen_arriving_too(look, laptop, ada):
    Employee.objects.filter(pk=ada.pk).update(time_zone="UTC")
    first = look()
    assert laptop(move(now_ms() - 40 * 3_600_000))["withheld"] == {"pointer_movement": 1}
    assert "because it was from before you were told or said yes" in look(first)


def test_sealing_in_between_takes_nothing_away(look, laptop):
    first = look()
    laptop(move(), move())
    call_command("seal_segments", verbosity=0)
    then = look(first)
    assert re.search(r"Pointer movement</span><b class=\"num\">2</b>", then)


def test_it_says_why_nothing_may_arrive(look, laptop, ada):
    assert "Pointer movement, Clicks" in look()
    actions.withdraw(subject_id=ada.pk, purpose_key="train", path="/choices/")
    said = look()
    assert "Nothing is taken: nothing permits it." in said
    assert "Nothing: nothing permits it." in said
    LedgerState.objects.update_or_create(pk=1, defaults={"closed_reason": "older"})
    assert "Nothing is accepted while the log of decisions is being checked" in look()


def test_a_device_that_still_sends_after_a_no_is_shown_as_the_fact_alone(look, laptop, ada):
    actions.withdraw(subject_id=ada.pk, purpose_key="train", path="/choices/")
    first = look()
    laptop(move())
    then = look(first)
    assert "dropped, not even counted" in then
    assert "ThinkPad sends, and all of it is dropped" in then


@pytest.mark.parametrize(
    ("over", "why"),
    [
        ({"state": "paused"}, "you have paused this device"),
        ({"state": "waiting"}, "this device waits for your answer"),
        ({"ownership": "personal"}, "this device is your own and you have not said yes to it"),
    ],
)
def test_each_device_says_why_nothing_of_it_is_taken(look, ada, over, why):
    make_permitted(ada)
    make_collector(ada, device="Old laptop", **over)
    assert f"Nothing: {why}." in look()


def test_off_hours_are_a_reason(look, ada):
    local = timezone.localtime()
    day = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"][(local.weekday() + 2) % 7]
    Employee.objects.filter(pk=ada.pk).update(working_hours=f"{day} 09:00-10:00")
    make_permitted(ada, off_hours=False)
    make_permitted(ada, source="old", kind="import", purpose="earlier")  # may be handed in at any time
    assert "Nothing is taken: it is outside your working hours." in look()


def test_somebody_with_no_source_is_told_so(look):
    assert "no source collects from you" in look()


def test_from_where_on_it_counts_is_sealed_and_nobody_elses(look, laptop, as_ada, ada, ben):
    first = look()
    assert str(ada.pk) not in re.search(r'name="since" value="([^"]*)"', first)[1]
    laptop(move())
    other = Client()
    other.force_login(ben, BACKEND)
    token = re.search(r'name="since" value="([^"]*)"', first)[1]
    said = other.get(f"/people/{ben.pk}/live/", {"since": token}).content.decode()
    assert "Nothing was kept." in said
    for wrong in ("", "x", "%00", "A" * 9000, token[:-4]):
        assert as_ada.get(f"/people/{ada.pk}/live/", {"since": wrong}).status_code == 200


def test_a_look_is_written_down_once_an_hour_and_asking_anew_is_not(look, laptop, ada):
    first = look()
    for _ in range(3):
        look(first)
    acts = Act.objects.for_subject(ada.pk).filter(action=Action.DATA_VIEWED)
    assert [act.facts["view"] for act in acts] == ["live"]


def test_it_is_that_persons_alone(client, ada, hana):
    client.force_login(hana, BACKEND)
    assert client.get(f"/people/{ada.pk}/live/").status_code == 404
    assert Act.objects.for_subject(ada.pk).filter(action=Action.ACCESS_REFUSED).count() == 1


def test_it_costs_the_same_however_much_there_is(look, laptop):
    laptop(move())
    first = look()

    def cost():
        with CaptureQueriesContext(connection) as seen:
            assert look(first) != 204
        return len(seen)

    laptop(move())
    few = cost()
    for n in range(12):
        laptop(*[move(app=f"app {n}") for _ in range(30)])
    assert cost() <= few <= 16
