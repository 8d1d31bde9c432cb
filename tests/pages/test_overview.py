"""The overview's first line says what a batch sent now would meet, and claims no more."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from consent import actions
from portal.audit import trail
from portal.audit.values import Actor, ActorKind
from portal.people.models import Employee
from portal.register.models import Controller, Flow, PurposeRecord, Source
from portal.rights import actions as rights
from tests.makers import make_purpose
from tests.pages.conftest import BACKEND, make_flows

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def first_line(client):
    page = client.get("/").content.decode()
    section = re.search(r'<section class="state.*?</section>', page, re.DOTALL)[0]
    return " ".join(re.sub(r"<[^>]+>", " ", section).split())


def own(person):
    return Actor(ActorKind.PERSON, str(person.pk), "employee")


def test_it_asks_who_is_there(client):
    assert client.get("/").headers["Location"] == "/accounts/login/?next=/"


def test_who_has_not_answered_is_led_to_the_choices(as_ada, train, protect):
    said = first_line(as_ada)
    assert "Daylight accepts nothing from you yet. You have 2 questions to answer." in said
    assert '<a class="btn" href="/choices/">' in as_ada.get("/").content.decode()


def test_it_says_what_is_accepted_and_from_where(as_ada, ada, train):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    said = first_line(as_ada)
    assert "Daylight accepts data from Desktop agent. Pointer movement and clicks. Not what you type." in said
    assert "Pause for 30 minutes" in said


def test_it_does_not_say_not_what_you_type_when_keys_are_taken(as_ada, ada, agent):
    make_flows(agent, "rhythm", ["keystroke_timing"])
    make_purpose("rhythm", covers={"agent": ["keystroke_timing"]})
    actions.give(subject_id=ada.pk, purpose_key="rhythm", path="test")
    said = first_line(as_ada)
    assert "Not what you type" not in said
    assert "Typing rhythm holds which key was pressed" in said


def test_after_a_no_it_says_first_what_another_purpose_goes_on_with(as_ada, ada, train, protect):
    actions.refuse(subject_id=ada.pk, purpose_key="train", path="test")
    actions.acknowledge(subject_id=ada.pk, purpose_key="protect", path="test")
    assert (
        "You said no to “Train AI to use a computer”. Daylight still accepts data for “Protect our systems”. "
        "Clicks, from Desktop agent."
    ) in first_line(as_ada)


def test_after_a_withdrawal_it_says_since_when_nothing_is_accepted(as_ada, ada, train):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    actions.withdraw(subject_id=ada.pk, purpose_key="train", path="test")
    assert re.search(r"Daylight accepts nothing from you since \d\d?:\d\d", first_line(as_ada))


def test_while_paused_it_says_until_when_and_offers_to_end_it(as_ada, ada, train):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    actions.pause(subject_id=ada.pk, until=timezone.now() + timedelta(days=2))
    said = first_line(as_ada)
    assert "You have paused until" in said
    assert "Daylight accepts nothing from you." in said
    assert "End the pause" in said


def test_the_pause_button_pauses_for_half_an_hour_and_comes_back(as_ada, ada, train):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    answer = as_ada.post("/choices/pause/", {"length": "30", "next": "/"})
    assert answer.headers["Location"] == "/"
    assert "You have paused until" in first_line(as_ada)


def test_outside_working_hours_it_says_that_nothing_is_accepted_now(as_ada, ada, train):
    Flow.objects.update(off_hours=False)
    tomorrow = timezone.localtime().astimezone(tz=None) + timedelta(days=2)
    day = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")[tomorrow.weekday()]
    Employee.objects.filter(pk=ada.pk).update(working_hours=f"{day} 08:00-09:00")
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    assert "Daylight accepts nothing from you now: it is outside your working hours." in first_line(as_ada)


def test_a_closed_site_says_so_and_still_shows_the_page(as_ada, ada, train, closed):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    closed()
    assert "Daylight is closed: it accepts nothing from anybody now." in first_line(as_ada)


def test_a_restriction_of_everything_is_not_called_accepting(as_ada, ada, train):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    actions.restrict(subject_id=ada.pk, scope=rights.EVERYTHING)
    assert "Daylight accepts nothing from you: the use of your data is restricted." in first_line(as_ada)


def test_it_shows_who_looked_and_who_was_refused(as_ada, ada, hana, train):
    staff = Actor(ActorKind.PERSON, str(hana.pk), "hr", "Hana Horn")
    trail.refused(actor=staff, subject_id=ada.pk, path="/people/somebody/data/")
    page = as_ada.get("/").content.decode()
    assert "Refused" in page
    assert "Human resources" in page


def test_it_shows_what_is_under_way_and_when_it_is_due(as_ada, ada, ben, train):
    mine = rights.open_request(kind="access", subject_id=ada.pk, by=own(ada))
    other = rights.open_request(kind="access", subject_id=ben.pk, by=own(ben))
    page = as_ada.get("/").content.decode()
    assert f"/requests/{mine.pk}/" in page
    assert "<progress" in page
    assert str(other.pk) not in page


def test_the_queue_is_in_the_menu_of_those_who_handle_requests_only(client, ada, hana, train):
    for person, expected in ((ada, False), (hana, True)):
        client.force_login(person, BACKEND)
        assert ('href="/queue/"' in client.get("/").content.decode()) is expected


def test_banners_say_what_is_not_as_in_production(as_ada, settings, train):
    settings.STAFF_SECOND_FACTOR, settings.DEMO = True, False
    assert 'class="banner"' not in as_ada.get("/").content.decode()
    settings.STAFF_SECOND_FACTOR, settings.DEMO = False, True
    page = as_ada.get("/").content.decode()
    assert "without a second factor" in page
    assert "This is a demonstration" in page


def test_it_takes_the_same_number_of_queries_however_much_is_asked(
    as_ada, ada, agent, train, django_assert_num_queries
):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    as_ada.get("/")
    with django_assert_num_queries(QUERIES):
        as_ada.get("/")
    for number in range(9):
        make_flows(agent, f"more-{number}", ["scrolling"])
        make_purpose(f"more-{number}")
        rights.open_request(kind="access", subject_id=ada.pk, by=own(ada), scope=rights.EVERYTHING, note=str(number))
        trail.refused(actor=own(ada), subject_id=ada.pk, path="/")
    with django_assert_num_queries(QUERIES + STEPS):
        as_ada.get("/")


# Seven of them find the session, the person, and keep the list of open sessions; one is the menu's; two look for the
# oldest day that is here.
QUERIES = 29
STEPS = 1


def test_an_unknown_address_is_a_page_for_people_and_a_problem_for_programs(as_ada):
    page = as_ada.get("/nowhere/")
    assert page.status_code == 404
    assert "There is nothing here that you may see" in page.content.decode()
    answer = as_ada.get("/api/v1/nowhere")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")


# --- what is no longer, or not yet, accepted


def lasting(days, covers=None):
    covers = covers or {"agent": ["pointer_movement", "pointer_clicks"]}
    said = {key: {"title": key, "categories": {each: {} for each in named}} for key, named in covers.items()}
    terms = {"sources": said, "expires": {"after_days": days} if days else {}}
    return actions.publish_notice(purpose_key="train", language="en", text="The notice.", terms=terms)


def first_line_on(client, ada, **delta):
    with time_machine.travel(timezone.now() + timedelta(**delta), tick=True):
        client.force_login(ada, BACKEND)
        return first_line(client)


def test_an_answer_that_ran_out_is_not_called_accepting(client, ada, train):
    lasting(10)
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    assert "Daylight accepts data from Desktop agent." in first_line_on(client, ada, days=9)
    said = first_line_on(client, ada, days=11)
    assert "Daylight accepts nothing from you: your answer on “Train AI to use a computer” has run out." in said
    assert "See what is asked" in said


def test_where_another_purpose_goes_on_it_says_what_ran_out_beside_it(client, ada, train, protect):
    lasting(10)
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    actions.acknowledge(subject_id=ada.pk, purpose_key="protect", path="test")
    said = first_line_on(client, ada, days=11)
    assert "Daylight accepts data from Desktop agent. Clicks." in said
    assert "Your answer on “Train AI to use a computer” has run out: nothing is accepted for it." in said


def test_a_notice_that_asks_for_more_is_said_and_no_more_is_said_to_be_accepted(as_ada, ada, agent, train):
    lasting(0)
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    make_flows(agent, "train", ["scrolling"])
    lasting(0, {"agent": ["pointer_movement", "pointer_clicks", "scrolling"]})
    said = first_line(as_ada)
    assert "Pointer movement and clicks. Not what you type." in said
    assert "asks for more: until you answer, no more is accepted than before." in said


def test_what_has_to_be_confirmed_first_keeps_everything_out_and_says_so(as_ada, ada, train):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    make_purpose("newyork", basis="legal_obligation", covers={}, title="Monitoring notice")
    PurposeRecord.objects.update_or_create(purpose_key="newyork", defaults={"must_acknowledge": True})
    assert "there is something that you have to be told first" in first_line(as_ada)
    actions.acknowledge(subject_id=ada.pk, purpose_key="newyork", path="test")
    assert "Daylight accepts data from Desktop agent." in first_line(as_ada)


def test_a_country_without_its_works_agreement_keeps_the_source_out(as_ada, ada, train):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    Controller.objects.create(name="Example", address="Here", contact="x", agreement_required=True)
    assert "your representatives have to agree to it first" in first_line(as_ada)


def test_a_source_that_is_no_longer_in_operation_is_not_called_accepting(as_ada, ada, train):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    Source.objects.update(state="retired")
    said = first_line(as_ada)
    assert "Daylight accepts nothing from you." in said
    assert "since" not in said


@pytest.mark.parametrize("how", ["object", "retire"])
def test_since_when_is_said_of_an_objection_and_of_a_purpose_that_ended(as_ada, ada, protect, how):
    actions.acknowledge(subject_id=ada.pk, purpose_key="protect", path="test")
    if how == "object":
        rights.object_to(subject_id=ada.pk, purpose_key="protect", by=own(ada), path="test")
    else:
        actions.retire_purpose(key="protect")
    assert re.search(r"Daylight accepts nothing from you since \d\d?:\d\d", first_line(as_ada))
