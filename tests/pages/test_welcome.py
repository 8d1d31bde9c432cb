"""The first sign-in leads a new employee through what concerns them; silence on the way is no answer."""

from __future__ import annotations

import re
import time

import pytest
from django.urls import reverse

from consent.models import Decision
from portal.register.models import PurposeRecord
from tests.makers import make_batch, make_purpose, make_token, send, sign_in
from tests.pages.test_choices import forms, press, text_of

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def go_on(client, page):
    """Follow the link that leaves the answer for later."""
    address = re.search(r'<a class="btn quiet" href="([^"]+)">(?:Decide later|Go on)</a>', page.content.decode())[1]
    return client.get(address)


def first(client):
    page = client.get("/welcome/")
    return client.get(re.search(r'<a class="btn" href="([^"]+)"', page.content.decode())[1])


@pytest.fixture
def told(agent):
    """A law that must be acknowledged before anything is collected from anybody."""
    PurposeRecord.objects.create(purpose_key="law", must_acknowledge=True)
    return make_purpose("law", basis="legal_obligation", title="Monitoring notice", covers={})


def test_the_first_sign_in_leads_to_it_and_the_second_does_not(client, ada, train):
    assert sign_in(client, ada)["Location"] == "/welcome/"
    client.logout()
    assert sign_in(client, ada)["Location"] == "/"


def test_the_overview_is_the_overview_for_a_new_employee_too(client, ada, train):
    sign_in(client, ada)
    assert client.get("/").status_code == 200


def test_who_was_going_elsewhere_gets_there(client, ada, train):
    answer = client.post(
        "/accounts/login/?next=/requests/",
        {"login": ada.email, "password": "correct horse battery staple", "next": "/requests/"},
    )
    assert answer["Location"] == "/requests/"


def test_who_opened_the_overview_before_signing_in_is_led_too(client, ada, train):
    answer = client.post(
        "/accounts/login/?next=/", {"login": ada.email, "password": "correct horse battery staple", "next": "/"}
    )
    assert answer["Location"] == "/welcome/"


def test_where_nothing_is_asked_nobody_is_led_anywhere(client, ada):
    assert sign_in(client, ada)["Location"] == "/"


def test_it_begins_with_three_sentences(as_ada, train):
    page = as_ada.get("/welcome/")
    said = re.findall(r"<p>(.+?)</p>", page.content.decode().split("<h1>")[1].split('class="cluster"')[0])
    assert len(said) == 3
    assert "Step 1 of 3" in text_of(page)


def test_each_purpose_has_a_screen_and_what_must_be_told_comes_first(as_ada, train, protect, told):
    page, seen = first(as_ada), []
    while page.context["steps"] != page.context["step"]:
        seen.append(page.context["card"].key)
        page = go_on(as_ada, page)
    assert seen == ["law", "train", "protect"]
    assert "Step 5 of 5" in text_of(page)


def test_later_records_nothing_and_says_so(as_ada, ada, train):
    page = go_on(as_ada, first(as_ada))
    assert "Left for later: nothing was recorded, and nothing is accepted for it." in text_of(page)
    assert not Decision.objects.exists()


@pytest.mark.parametrize(("action", "kind"), [("give", "given"), ("refuse", "refused")])
def test_an_answer_is_recorded_and_leads_to_the_next_screen(as_ada, ada, train, protect, action, kind):
    answer = press(as_ada, first(as_ada), action, "train")
    assert answer["Location"] == "/welcome/protect/"
    decision = Decision.objects.get()
    assert (decision.kind, decision.path, decision.purpose_key) == (kind, "page:welcome", "train")
    page = as_ada.get("/welcome/protect/")
    assert f"as entry {decision.leaf_idx} of the log" in text_of(page)
    assert press(as_ada, page, "acknowledge", "protect")["Location"] == "/welcome/done/"


def test_going_back_and_skipping_one_does_not_skip_the_others(as_ada, ada, train, protect, told):
    press(as_ada, as_ada.get("/welcome/train/"), "refuse", "train")
    assert go_on(as_ada, as_ada.get("/welcome/law/")).context["card"].key == "protect"


def test_the_end_says_what_was_decided_and_where_to_change_it(as_ada, ada, train, protect):
    press(as_ada, first(as_ada), "refuse", "train")
    page = text_of(as_ada.get("/welcome/done/"))
    for words in ("Train AI to use a computer", "No", "Left for later", "Choices", "Receipt", "Pause, in the menu"):
        assert words in page


def test_yes_and_no_have_the_same_weight_and_nothing_is_ticked(as_ada, train):
    page = first(as_ada)
    [yes], [no] = forms(page, "give", "train"), forms(page, "refuse", "train")
    look = re.compile(r'<button class="([^"]*)"')
    assert look.search(yes)[1] == look.search(no)[1]
    assert " checked" not in page.content.decode()


def test_what_must_be_told_is_no_question_and_no_consent(as_ada, told):
    page = first(as_ada)
    assert {"acknowledge"} == set(
        re.findall(r'data-action="(give|refuse|withdraw|acknowledge|object)"', str(page.content))
    )
    said = text_of(page)
    assert "It is not a question: nobody asks for your agreement here." in said
    assert "Until you confirm, Daylight accepts nothing from you, for whatever purpose." in said


def test_what_concerns_others_is_not_shown(as_ada, ada, train):
    PurposeRecord.objects.create(purpose_key="train", jurisdictions=["US-NY"])
    assert "Nothing is asked of you" in text_of(as_ada.get("/welcome/"))
    assert as_ada.get("/welcome/train/")["Location"] == "/welcome/"
    assert 'id="train"' not in as_ada.get("/choices/").content.decode()
    type(ada).objects.filter(pk=ada.pk).update(jurisdiction="US-NY")
    assert 'id="train"' in as_ada.get("/choices/").content.decode()


def test_nothing_is_collected_on_the_way_before_a_yes(client, as_ada, ada, train):
    """Also while every page was seen: only the button records anything."""
    token = make_token("events.write", sources=["agent"])
    for address in ("/welcome/", "/welcome/train/", "/welcome/done/", "/choices/"):
        as_ada.get(address)
        moment = {"t": int(time.time() * 1000), "type": "pointermove", "x": 1, "y": 1}
        kept = send(client, token, make_batch(ada, [moment])).json()
        assert (kept["stored"], kept["withheld"]) == (0, {"pointer_movement": 1})
    press(as_ada, as_ada.get("/welcome/train/"), "give", "train")
    moment = {"t": int(time.time() * 1000) + 1, "type": "pointermove", "x": 1, "y": 1}
    assert send(client, token, make_batch(ada, [moment])).json()["stored"] == 1


def test_a_text_that_changed_meanwhile_leads_back_to_the_beginning(as_ada, train):
    page = first(as_ada)
    form = forms(page, "give", "train")[0].replace('name="version" value="1"', 'name="version" value="9"')
    sent = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', form))
    assert as_ada.post(reverse("give", args=["train"]), sent)["Location"] == "/welcome/"
    assert not Decision.objects.exists()
