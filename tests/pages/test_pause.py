"""The pause: one click from every page, back to that page, obeyed at its commit, and told in the trail."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent import actions, gate
from consent.models import Gate
from portal.audit.models import Act
from portal.rights.choices import pausing
from tests.events.conftest import move
from tests.makers import make_batch, make_employee, make_permitted, make_token, send
from tests.pages.conftest import BACKEND

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
PAGES = ("/", "/choices/", "/who-looked/", "/requests/", "/people/{pk}/data/", "/accounts/sessions/")


def menu_form(client, path):
    """Return the pause form of the menu as a browser has it: where it goes, and all its fields."""
    page = client.get(path).content.decode()
    form = re.search(r'<form class="hold.*?</form>', page, re.DOTALL)[0]
    fields = dict(re.findall(r'<input[^>]*name="([^"]*)"[^>]*value="([^"]*)"', form))
    fields["length"] = next(iter(re.findall(r'<option value="([^"]*)"', form)), "")
    return form, re.search(r'action="([^"]*)"', form)[1], {k: v.replace("&amp;", "&") for k, v in fields.items()}


def press(client, path, **over):
    _form, address, fields = menu_form(client, path)
    return client.post(address, fields | over)


def paused(person):
    return gate.read(person.pk).paused_until(int(timezone.now().timestamp() * 1000))


@pytest.mark.parametrize("page", PAGES)
def test_one_click_on_any_page_pauses_for_a_quarter_of_an_hour_and_comes_back(as_ada, ada, train, page):
    path = page.format(pk=ada.pk)
    form, _address, _fields = menu_form(as_ada, path)
    assert 'data-action="pause"' in form
    answer = press(as_ada, path)
    assert (answer.status_code, answer.headers["Location"]) == (302, path)
    [made] = gate.read(ada.pk).pauses
    assert abs(made.to_ms - made.from_ms - 15 * 60_000) < 2_000
    form, _address, _fields = menu_form(as_ada, path)
    assert re.search(r"Paused until \d\d:\d\d|Paused until midnight", form)
    assert press(as_ada, path).headers["Location"] == path
    assert paused(ada) is None


@pytest.mark.parametrize(
    ("length", "minutes"), [("15", 15), ("30", 30), ("60", 60), ("120", 120), ("week", 15), ("", 15), ("-5", 15)]
)
def test_it_lasts_as_long_as_chosen_and_never_longer_than_is_offered(as_ada, ada, train, length, minutes):
    press(as_ada, "/choices/", length=length)
    [made] = gate.read(ada.pk).pauses
    assert abs(made.to_ms - made.from_ms - minutes * 60_000) < 2_000


def test_the_rest_of_the_day_ends_at_the_persons_midnight(client, train):
    kiri = make_employee("Kiri", time_zone="Pacific/Auckland")
    client.force_login(kiri, BACKEND)
    press(client, "/", length="day")
    [made] = gate.read(kiri.pk).pauses
    ends = datetime.fromtimestamp(made.to_ms / 1000, ZoneInfo("Pacific/Auckland"))
    today = datetime.now(ZoneInfo("Pacific/Auckland")).date()
    assert (ends.date(), ends.hour, ends.minute) == (today + timedelta(days=1), 0, 0)
    assert "Paused until midnight" in menu_form(client, "/")[0]


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)], ids=["an hour shorter", "an hour longer"]
)
def test_the_day_on_which_the_clocks_change_is_as_long_as_it_is(day, hours):
    begins = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=ZoneInfo("Europe/Berlin"))
    with timezone.override("Europe/Berlin"):
        assert pausing.end_of_day(begins) - begins.astimezone(UTC) == timedelta(hours=hours)


@pytest.mark.parametrize(
    "elsewhere",
    ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "choices/", "", "\t//evil"],
)
def test_it_leads_back_to_pages_of_this_site_only(as_ada, ada, train, elsewhere):
    assert press(as_ada, "/choices/", next=elsewhere).headers["Location"] == "/"
    assert paused(ada)


def test_the_address_with_its_questions_is_kept(as_ada, ada, train):
    assert press(as_ada, "/choices/?count=train&x=1").headers["Location"] == "/choices/?count=train&x=1"


def test_after_a_form_that_was_filled_in_wrongly_it_leads_back_to_its_page(as_ada, train):
    wrong = as_ada.post("/requests/copy/", {"what": "no"}, headers={"referer": "http://testserver/requests/?page=1"})
    assert wrong.status_code == 422
    assert '<input type="hidden" name="next" value="/requests/?page=1">' in wrong.content.decode()


def test_nothing_is_kept_from_the_click_on_in_another_process_too(as_ada, client, ada):
    token = make_token("events.write", sources=[make_permitted(ada).key])
    before = send(Client(), token, make_batch(ada, [move()])).json()
    press(as_ada, "/")
    during = send(Client(), token, make_batch(ada, [move()])).json()
    press(as_ada, "/")
    assert (before["stored"], during["stored"], during["withheld"]) == (1, 0, {"pointer_movement": 1})
    assert send(Client(), token, make_batch(ada, [move()])).json()["stored"] == 1


def test_somebody_may_pause_as_often_as_they_like(as_ada, ada, train):
    for _each in range(12):
        assert press(as_ada, "/choices/").status_code == 302
    assert Act.objects.filter(action="collection.paused", subject_id=ada.pk).count() == 6


def test_the_trail_has_from_when_and_until_when(as_ada, ada, train):
    press(as_ada, "/choices/", length="60")
    act = Act.objects.get(action="collection.paused", subject_id=ada.pk)
    [made] = Gate.objects.get(pk=ada.pk).pauses
    told = {name: int(datetime.fromisoformat(act.facts[name]).timestamp() * 1000) for name in ("from", "until")}
    assert told == {"from": made["from_ms"], "until": made["to_ms"]}
    assert (act.facts["key"], act.actor_id, act.actor_label) == (made["key"], str(ada.pk), "")
    press(as_ada, "/choices/")
    assert Act.objects.filter(action="collection.resumed", subject_id=ada.pk).count() == 1


def test_while_the_site_is_closed_a_pause_is_taken_and_its_end_is_not(as_ada, ada, train, closed):
    form, address, fields = menu_form(as_ada, "/choices/")
    closed()
    answer = as_ada.post(address, fields)
    assert answer.status_code == 202
    assert "nothing is accepted from you" in answer.content.decode()
    assert '<a class="btn quiet" href="/choices/">Back</a>' in answer.content.decode()
    assert paused(ada)
    assert press(as_ada, "/choices/").status_code == 503
    assert paused(ada)


def test_it_needs_the_token_of_the_form_and_a_person_who_is_there(ada, train):
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada, BACKEND)
    assert strict.post("/choices/pause/").status_code == 403
    assert Client().post("/choices/pause/").headers["Location"].startswith("/accounts/login/")
    assert gate.read(ada.pk).pauses == ()


def test_the_menu_costs_one_read_of_the_gate_and_nobody_else_pays(as_ada, client, train):
    with CaptureQueriesContext(connection) as seen:
        as_ada.get("/requests/")
    assert sum("consent_gate" in query["sql"] for query in seen) == 1
    with CaptureQueriesContext(connection) as seen:
        Client().get("/accounts/login/")
    assert not any("consent_gate" in query["sql"] for query in seen)


def test_a_pause_that_is_over_is_said_of_no_page(as_ada, ada, train):
    actions.pause(subject_id=ada.pk, until=timezone.now() + timedelta(minutes=15))
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=16)):
        client = Client()
        client.force_login(ada, BACKEND)
        assert 'data-action="pause"' in menu_form(client, "/choices/")[0]
