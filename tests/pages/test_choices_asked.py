"""Why a card asks, what holds until it is answered, and what became of a no, an objection or a purpose that ended."""

from __future__ import annotations

import re
import time
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from consent import actions, gate
from consent.models import Decision, Purpose
from portal.register.models import PurposeRecord
from portal.rights import handling
from portal.rights.ending import after_retirement
from portal.rights.models import SubjectRequest
from tests.makers import make_batch, make_employee, make_notice, make_purpose, make_token, send
from tests.pages.test_choices import card, forms, press, text_of
from tests.pages.test_notices import terms
from tests.rights.conftest import person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def publish(text="The notice.", **over):
    return make_notice("train", text=text, covers={}, terms=terms(**over))


def plain(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def read(client, key="train"):
    return plain(card(client.get("/choices/"), key))


def offered(client, key="train"):
    return re.findall(r'data-action="(\w+)"', card(client.get("/choices/"), key))


def later(**delta):
    return time_machine.travel(timezone.now() + timedelta(**delta), tick=True)


@pytest.fixture
def said_yes(as_ada, ada, train):
    publish()
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    return as_ada


WIDER = [
    ({"retention": {"pointer_clicks": 60}}, "Kept longer: clicks, and where, 60 days instead of 30."),
    ({"recipients": [{"key": "x", "name": "X", "country": "US"}]}, "A new recipient: X (US)."),
    ({"basis": "contract"}, "Another legal basis"),
    ({"purpose": {"key": "train", "title": "Train", "description": "To rank."}}, "Another purpose: “To rank.”"),
]


@pytest.mark.parametrize(("over", "said"), WIDER, ids=[said for _over, said in WIDER])
def test_what_is_new_is_said_and_the_earlier_answer_stands_until_then(said_yes, ada, over, said):
    publish("A wider notice.", **over)
    shown = read(said_yes)
    assert "asks for more than you answered:" in shown
    assert said in shown
    assert "Your earlier answer stands, for what it covered and under the rule that you answered" in shown
    assert gate.read(ada.pk).grants["train"].version == 2
    assert offered(said_yes) == ["give", "withdraw"]


def test_an_answer_to_the_wider_notice_ends_the_question(said_yes, ada):
    publish("A wider notice.", retention={"pointer_clicks": 60})
    press(said_yes, said_yes.get("/choices/"), "give", "train")
    assert "asks for more" not in read(said_yes)
    assert gate.read(ada.pk).grants["train"].version == 3


def test_who_said_no_is_asked_of_a_wider_notice_with_both_buttons(as_ada, ada, train):
    publish()
    actions.refuse(subject_id=ada.pk, purpose_key="train", path="test")
    assert offered(as_ada) == ["give"]
    publish("A wider notice.", retention={"pointer_clicks": 60})
    assert "You said no to the version before, and that stands until you answer this one." in read(as_ada)
    assert offered(as_ada) == ["give", "refuse"]
    press(as_ada, as_ada.get("/choices/"), "refuse", "train")
    assert offered(as_ada) == ["give"]


def test_other_words_ask_nobody_and_the_difference_is_one_click_away(said_yes):
    publish("The same, in other words.")
    shown = card(said_yes.get("/choices/"), "train")
    assert "Version 3 says the same in other words. Your answer stands; nothing is asked of you." in plain(shown)
    assert 'href="/choices/train/notices/3/?since=2&amp;language=en"' in shown
    assert 'href="/choices/train/notices/2/?language=en"' in shown
    assert offered(said_yes) == ["withdraw"]


def test_less_asks_nobody_and_says_that_it_acts(said_yes):
    publish("Less.", retention={"pointer_clicks": 7})
    assert "permits less. That acts already; your answer stands. Kept for a shorter time" in read(said_yes)
    assert offered(said_yes) == ["withdraw"]


def test_it_says_until_when_an_answer_holds_and_asks_before_it_ends(as_ada, ada, train):
    publish(expires={"after_days": 365})
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    assert "It ends by itself on" in read(as_ada)
    assert offered(as_ada) == ["withdraw"]
    with later(days=340):
        as_ada.force_login(ada, "allauth.account.auth_backends.AuthenticationBackend")
        assert "Answer now if it is to go on; if you do nothing, it ends." in read(as_ada)
        assert offered(as_ada) == ["give", "withdraw"]


def test_an_answer_that_ended_is_asked_for_anew(as_ada, ada, train):
    publish(expires={"after_days": 365})
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    with later(days=366):
        as_ada.force_login(ada, "allauth.account.auth_backends.AuthenticationBackend")
        shown = read(as_ada)
        assert "Daylight accepts nothing for this since then, until you answer anew." in shown
        assert "Not in force yet" not in shown
        assert shown.startswith("Train AI to use a computer Ended")
        press(as_ada, as_ada.get("/choices/"), "give", "train")
        assert "train" in gate.read(ada.pk).grants


def test_a_no_is_asked_again_after_90_days_if_the_company_wishes_and_never_before(as_ada, ada, train):
    actions.refuse(subject_id=ada.pk, purpose_key="train", path="test")
    actions.ask_again(purpose_key="train")
    assert offered(as_ada) == ["give"]
    with later(days=91):
        as_ada.force_login(ada, "allauth.account.auth_backends.AuthenticationBackend")
        actions.ask_again(purpose_key="train")
        assert "You need not answer: your no stands." in read(as_ada)
        assert offered(as_ada) == ["give", "refuse"]


def test_a_notice_that_must_be_acknowledged_stands_first_and_is_no_consent(as_ada, ada, train):
    PurposeRecord.objects.create(purpose_key="zzz", must_acknowledge=True)
    make_purpose("zzz", basis="legal_obligation", title="Monitoring notice", covers={})
    page = as_ada.get("/choices/").content.decode()
    assert re.findall(r'<article[^>]*id="(\w+)"', page) == ["zzz", "train"]
    shown = read(as_ada, "zzz")
    assert "You have to be told this before anything is collected." in shown
    assert "consent" not in shown.lower()
    assert offered(as_ada, "zzz") == ["acknowledge"]
    press(as_ada, as_ada.get("/choices/"), "acknowledge", "zzz")
    assert offered(as_ada, "zzz") == []
    assert not Decision.objects.filter(purpose_key="train").exists()


def test_what_must_be_told_every_year_says_so_when_the_year_is_over(as_ada, ada, train):
    PurposeRecord.objects.create(purpose_key="maine", must_acknowledge=True)
    make_purpose("maine", basis="legal_obligation", title="Monitoring notice", covers={})
    yearly = {**terms(basis="legal_obligation", sources={}), "expires": {"each": "calendar_year"}}
    make_notice("maine", text="Each year.", covers={}, terms=yearly)
    actions.acknowledge(subject_id=ada.pk, purpose_key="maine", path="test")
    with later(days=366):
        as_ada.force_login(ada, "allauth.account.auth_backends.AuthenticationBackend")
        shown = read(as_ada, "maine")
        assert "You have to be told anew since 1 January" in shown
        assert "It is recorded that you were told, and nothing else." in shown
        assert offered(as_ada, "maine") == ["acknowledge"]


def test_a_purpose_that_ended_is_listed_with_what_became_of_the_data(as_ada, ada, train):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    actions.retire_purpose(key="train")
    after_retirement()
    page = as_ada.get("/choices/")
    assert "Your company ended it on" in text_of(page)
    assert "<article" not in page.content.decode()
    for erasure in SubjectRequest.objects.filter(subject_id=ada.pk):
        assert f"/requests/{erasure.pk}/" in page.content.decode()


def test_who_never_answered_hears_nothing_of_what_ended(as_ada, train):
    actions.retire_purpose(key="train")
    assert "No longer done" not in text_of(as_ada.get("/choices/"))


def test_after_a_withdrawal_the_card_says_since_when_nothing_is_accepted(said_yes, ada):
    press(said_yes, said_yes.get("/choices/"), "withdraw", "train")
    shown = card(said_yes.get("/choices/"), "train")
    assert "Daylight accepts nothing for this since" in shown
    [erasure] = SubjectRequest.objects.filter(subject_id=ada.pk)
    assert f'href="/requests/{erasure.pk}/"' in shown


def test_after_a_withdrawal_the_card_names_each_device_and_whether_it_goes_on(client, said_yes, ada):
    token = make_token("events.write", sources=["agent"], name="ThinkPad")

    def sends():
        moment = {"t": int(time.time() * 1000), "type": "pointermove", "x": 1, "y": 1}
        return send(client, token, make_batch(ada, [moment])).json()["stored"]

    assert sends() == 1
    press(said_yes, said_yes.get("/choices/"), "withdraw", "train")
    shown = read(said_yes)
    assert "ThinkPad, for Desktop agent" in shown
    assert "Since then it has not asked what it may send." in shown
    assert sends() == 0
    assert "still sends" in read(said_yes)


def test_a_copy_is_offered_there_when_the_erasure_waits(said_yes, ada):
    press(said_yes, said_yes.get("/choices/"), "withdraw", "train", erase="72h")
    page = said_yes.get("/choices/")
    assert "What was kept for it alone is erased on" in plain(card(page, "train"))
    [copy] = forms(page, "copy")
    assert "Take a copy of my data first" in copy
    answer = press(said_yes, page, "copy")
    [asked] = SubjectRequest.objects.filter(kind="access")
    assert answer["Location"] == f"/requests/{asked.pk}/"
    assert gate.read(ada.pk).grants == {}


def test_no_copy_is_pressed_upon_whoever_erases_at_once(said_yes):
    press(said_yes, said_yes.get("/choices/"), "withdraw", "train")
    assert forms(said_yes.get("/choices/"), "copy") == []


@pytest.fixture
def objected(as_ada, ada, protect):
    actions.acknowledge(subject_id=ada.pk, purpose_key="protect", path="test")
    press(as_ada, as_ada.get("/choices/"), "object", "protect")
    return SubjectRequest.objects.get(kind="objection")


def test_an_objection_shows_until_when_legal_decides_and_offers_nothing_else(as_ada, objected):
    shown = read(as_ada, "protect")
    assert "Legal decides on your objection until" in shown
    assert offered(as_ada, "protect") == []


def test_a_reason_may_be_given_and_reaches_legal(as_ada, ada, protect):
    actions.acknowledge(subject_id=ada.pk, purpose_key="protect", path="test")
    press(
        as_ada, as_ada.get("/choices/"), "object", "protect", note=" I handle cases of the works council. " + "x" * 3000
    )
    request = SubjectRequest.objects.get(kind="objection")
    assert request.note.startswith("I handle cases of the works council.")
    assert len(request.note) == 2000
    assert "Your reason: “I handle cases of the works council." in read(as_ada, "protect")


def test_the_overview_says_that_something_new_is_asked(said_yes):
    assert "Something new is asked" not in text_of(said_yes.get("/"))
    publish("A wider notice.", retention={"pointer_clicks": 60})
    assert "Something new is asked" in text_of(said_yes.get("/"))


def test_the_first_line_of_the_overview_says_what_goes_on_after_a_no(said_yes, ada, protect):
    actions.acknowledge(subject_id=ada.pk, purpose_key="protect", path="test")
    press(said_yes, said_yes.get("/choices/"), "withdraw", "train")
    said = "You said no to “Train AI to use a computer”. Daylight still accepts data for “Protect our systems”."
    assert said in text_of(said_yes.get("/"))


def test_an_objection_that_is_upheld_leads_to_what_was_erased(as_ada, ada, lea, objected):
    handling.approve(request=objected, by=person(lea))
    shown = card(as_ada.get("/choices/"), "protect")
    assert "Your objection was upheld on" in shown
    erasure = SubjectRequest.objects.get(kind="erasure")
    assert f"/requests/{erasure.pk}/" in shown


def test_an_objection_that_is_turned_down_says_why_and_what_can_be_done(as_ada, ada, lea, objected):
    second = make_employee("Lou Lind", roles=["legal"])
    for who in (lea, second):
        handling.refuse(request=objected, by=person(who), ground="legal_claims", note="A case is pending in court.")
    shown = read(as_ada, "protect")
    assert "turned down on" in shown
    assert "A case is pending in court." in shown
    assert "You can complain to the supervisory authority" in shown
    assert offered(as_ada, "protect") == ["acknowledge"]
    press(as_ada, as_ada.get("/choices/"), "acknowledge", "protect")
    assert "protect" in gate.read(ada.pk).grants


def test_a_yes_is_undone_in_the_way_of_the_basis_it_was_given_on(said_yes, ada):
    Purpose.objects.filter(pk="train").update(basis="legitimate_interest")
    publish("Another basis.", basis="legitimate_interest")
    assert offered(said_yes) == ["acknowledge", "withdraw"]
    press(said_yes, said_yes.get("/choices/"), "withdraw", "train")
    assert gate.read(ada.pk).grants == {}


def test_a_purpose_without_a_notice_offers_nothing_to_press(as_ada):
    actions.define_purpose(
        key="bare", title="Bare", basis="consent", refusal_consequence="None.", alternative="None needed."
    )
    assert offered(as_ada, "bare") == []


def test_the_page_names_how_many_ask_something(as_ada, ada, train, protect):
    page = text_of(as_ada.get("/choices/"))
    assert "2 of them ask something of you. Go through them one at a time" in page
    actions.refuse(subject_id=ada.pk, purpose_key="train", path="test")
    actions.acknowledge(subject_id=ada.pk, purpose_key="protect", path="test")
    assert "ask something of you" not in text_of(as_ada.get("/choices/"))


def test_it_takes_the_same_number_of_queries_for_one_answer_and_for_ten(
    as_ada, ada, agent, train, django_assert_num_queries
):
    def answered(key):
        make_purpose(key)
        actions.give(subject_id=ada.pk, purpose_key=key, path="test")
        make_notice(key, covers={"agent": ["scrolling"]})

    answered("first")
    as_ada.get("/choices/")
    with django_assert_num_queries(QUERIES):
        as_ada.get("/choices/")
    for number in range(9):
        answered(f"more-{number}")
    with django_assert_num_queries(QUERIES):
        as_ada.get("/choices/")


QUERIES = 27
