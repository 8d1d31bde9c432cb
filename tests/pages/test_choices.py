"""The choices page: what is asked, what each answer does, and that the answer is recorded as it was given."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from consent import actions, gate
from consent.models import Decision
from portal.register.models import Recipient, Retention
from portal.rights.models import SubjectRequest
from tests.makers import make_notice, make_purpose
from tests.pages.conftest import BACKEND, make_flows

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def forms(response, action, purpose=""):
    """Return the marked forms with the fields that each would send."""
    found = re.findall(r"<form[^>]*>.*?</form>", response.content.decode(), re.DOTALL)
    marked = [form for form in found if f'data-action="{action}"' in form]
    return [form for form in marked if not purpose or f'data-purpose="{purpose}"' in form]


def press(client, page, action, purpose="", **fields):
    """Send a form of the page with all its fields, as a browser would."""
    [form] = forms(page, action, purpose)
    address = re.search(r'action="([^"]*)"', form)[1]
    sent = {}
    for tag in re.findall(r"<input[^>]*>", form):
        name = re.search(r'name="([^"]*)"', tag)[1]
        if 'type="radio"' not in tag or "checked" in tag:
            sent[name] = re.search(r'value="([^"]*)"', tag)[1]
    return client.post(address, sent | fields)


def text_of(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


def card(response, key):
    return re.search(rf'<article[^>]*id="{key}".*?</article>', response.content.decode(), re.DOTALL)[0]


def test_it_says_all_that_matters_before_the_answer(as_ada, train):
    Retention.objects.create(purpose_key="train", category="pointer_movement", days=180, why="A training run.")
    page = text_of(as_ada.get("/choices/"))
    for words in (
        "Train AI to use a computer",
        "Your consent. It is your choice",
        "Desktop agent: pointer movement and clicks",
        "Pointer movement: 180 days",
        "Your company states: “No has no consequence.”",
        "Instead: Recorded sessions on a test computer.",
        "Until you do, Daylight accepts nothing from you for this.",
    ):
        assert words in page


def test_yes_and_no_are_offered_with_the_same_weight(as_ada, train):
    page = as_ada.get("/choices/")
    [yes], [no] = forms(page, "give", "train"), forms(page, "refuse", "train")
    look = re.compile(r'<button class="([^"]*)"')
    assert look.search(yes)[1] == look.search(no)[1]


@pytest.mark.parametrize(("action", "kind"), [("give", "given"), ("refuse", "refused")])
def test_one_click_records_the_answer_with_its_place_in_the_log(as_ada, ada, train, action, kind):
    answer = press(as_ada, as_ada.get("/choices/"), action, "train")
    assert answer.status_code == 302
    decision = Decision.objects.get(subject_id=ada.pk)
    assert decision.kind == kind
    page = text_of(as_ada.get("/choices/"))
    assert f"as entry {decision.leaf_idx} of the log. The log was not rewritten since checkpoint" in page
    assert f"to version 1 of the notice; entry {decision.leaf_idx} of the log." in page


def test_a_yes_is_in_force_when_the_page_comes_back(as_ada, ada, train):
    press(as_ada, as_ada.get("/choices/"), "give", "train")
    assert set(gate.read(ada.pk).grants) == {"train"}


def test_what_is_not_on_consent_never_speaks_of_consent(as_ada, protect):
    shown = card(as_ada.get("/choices/"), "protect")
    assert "legitimate interest" in shown
    assert "consent" not in shown.lower()
    assert not re.search(r'data-action="(give|refuse|withdraw)"', shown)


def test_who_was_told_can_confirm_it_or_object(as_ada, ada, protect):
    press(as_ada, as_ada.get("/choices/"), "acknowledge", "protect")
    assert set(gate.read(ada.pk).grants) == {"protect"}
    press(as_ada, as_ada.get("/choices/"), "object", "protect")
    assert gate.read(ada.pk).grants == {}
    assert SubjectRequest.objects.get(subject_id=ada.pk).kind == "objection"


def test_a_basis_without_objection_offers_none(as_ada, agent):
    make_purpose("pay", basis="legal_obligation", title="Working time records")
    shown = card(as_ada.get("/choices/"), "pay")
    assert 'data-action="acknowledge"' in shown
    assert 'data-action="object"' not in shown


def test_it_says_before_the_click_what_a_withdrawal_stops_and_what_goes_on(as_ada, ada, train, protect):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    actions.acknowledge(subject_id=ada.pk, purpose_key="protect", path="test")
    [form] = forms(as_ada.get("/choices/"), "withdraw", "train")
    said = " ".join(re.sub(r"<[^>]+>", " ", form).split())
    assert "pointer movement and clicks from Desktop agent" in said
    assert "clicks for “Protect our systems”." in said
    assert "Nothing: no event is held for this alone." in said


def test_where_there_is_much_it_counts_the_card_that_is_asked_for(as_ada, ada, train, monkeypatch):
    monkeypatch.setattr("portal.rights.choices.reading.COUNTED_AT_ONCE", -1)
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    assert "Count them now" in card(as_ada.get("/choices/"), "train")
    assert "Nothing: no event is held for this alone." in card(as_ada.get("/choices/?count=train"), "train")


def test_a_withdrawal_ends_the_permission_and_opens_its_erasure(as_ada, ada, train):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    press(as_ada, as_ada.get("/choices/"), "withdraw", "train")
    assert gate.read(ada.pk).grants == {}
    erasure = SubjectRequest.objects.get(subject_id=ada.pk)
    assert (erasure.kind, erasure.scope, erasure.not_before) == ("erasure", {"purposes": ["train"]}, None)
    assert "What no other purpose covers is being erased now." in text_of(as_ada.get("/choices/"))


def test_the_erasure_waits_for_72_hours_if_so_wished(as_ada, ada, train):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    press(as_ada, as_ada.get("/choices/"), "withdraw", "train", erase="72h")
    wait = SubjectRequest.objects.get(subject_id=ada.pk).not_before - timezone.now()
    assert timedelta(hours=71, minutes=59) < wait <= timedelta(hours=72)


def test_a_yes_to_a_text_that_was_replaced_meanwhile_is_not_recorded(as_ada, ada, train):
    page = as_ada.get("/choices/")
    make_notice("train", text="Something else.")
    press(as_ada, page, "give", "train")
    assert not Decision.objects.for_subject(ada.pk).exists()
    assert "The notice has changed since you opened the page." in text_of(as_ada.get("/choices/"))


def test_a_wider_notice_asks_again_and_the_earlier_answer_stands(as_ada, ada, train):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    make_notice("train", covers={"agent": ["pointer_movement", "pointer_clicks", "scrolling"]})
    shown = card(as_ada.get("/choices/"), "train")
    assert "Version 2 asks for more than you answered:" in shown
    assert "<li>New from agent: scrolling.</li>" in shown
    assert "Your earlier answer stands, for what it covered and under the rule that you answered" in shown
    assert {"give", "withdraw"} == set(re.findall(r'data-action="(\w+)"', shown))


def test_nothing_can_be_answered_for_a_purpose_that_is_not_live(as_ada, ada, train):
    page = as_ada.get("/choices/")
    actions.retire_purpose(key="train")
    press(as_ada, page, "give", "train")
    assert not Decision.objects.for_subject(ada.pk).exists()
    assert 'id="train"' not in as_ada.get("/choices/").content.decode()


@pytest.mark.parametrize("action", ["give", "refuse", "withdraw", "object", "acknowledge"])
def test_an_answer_is_taken_by_post_from_the_signed_in_person_only(client, as_ada, ada, train, action):
    assert as_ada.get(f"/choices/train/{action}/").status_code == 405
    assert Client().post(f"/choices/train/{action}/").headers["Location"].startswith("/accounts/login/")
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(ada, BACKEND)
    assert strict.post(f"/choices/train/{action}/").status_code == 403
    assert not Decision.objects.for_subject(ada.pk).exists()


def test_while_the_site_is_closed_a_yes_is_refused(as_ada, ada, train, closed):
    page = as_ada.get("/choices/")
    closed()
    answer = press(as_ada, page, "give", "train")
    assert answer.status_code == 503
    assert "your answer was not recorded" in text_of(answer)
    assert not Decision.objects.for_subject(ada.pk).exists()


def test_while_the_site_is_closed_a_withdrawal_is_taken_as_pending(as_ada, ada, train, closed):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    page = as_ada.get("/choices/")
    closed()
    answer = press(as_ada, page, "withdraw", "train")
    assert answer.status_code == 202
    assert "its entry in the log is pending" in text_of(answer)
    assert gate.read(ada.pk).grants == {}
    assert "Daylight is closed" in text_of(as_ada.get("/choices/"))


def test_it_takes_the_same_number_of_queries_for_one_purpose_and_for_ten(
    as_ada, ada, agent, train, django_assert_num_queries
):
    Recipient.objects.create(key="lab", name="Lab", receives="Actions", country="DE")
    actions.refuse(subject_id=ada.pk, purpose_key="train", path="test")
    as_ada.get("/choices/")
    with django_assert_num_queries(QUERIES):
        as_ada.get("/choices/")
    for number in range(9):
        make_flows(agent, f"more-{number}", ["scrolling"])
        make_purpose(f"more-{number}")
    with django_assert_num_queries(QUERIES):
        as_ada.get("/choices/")


# Seven of them find the session, the person, and keep the list of open sessions; one is the menu's.
QUERIES = 20


def test_a_no_on_a_page_from_before_the_yes_takes_it_back_with_all_that_follows(as_ada, ada, train):
    stale = as_ada.get("/choices/")
    press(as_ada, stale, "give", "train")
    press(as_ada, stale, "refuse", "train")
    assert gate.read(ada.pk).grants == {}
    assert Decision.objects.for_subject(ada.pk).order_by("-leaf_idx")[0].kind == "withdrawn"
    erasure = SubjectRequest.objects.get(subject_id=ada.pk)
    assert (erasure.kind, erasure.ground, erasure.purpose_key) == ("erasure", "consent_withdrawn", "train")


def test_consent_that_is_asked_for_what_rested_on_the_contract_can_be_refused(as_ada, ada, agent):
    covers = {"agent": ["pointer_movement"]}
    terms = {"basis": "contract", "sources": {"agent": {"title": "Agent", "categories": {"pointer_movement": {}}}}}
    make_purpose("shifts", basis="contract", covers=covers)
    consent_notice = {"purpose_key": "shifts", "language": "en", "text": "Read this."}
    actions.publish_notice(**consent_notice, terms=terms)
    actions.acknowledge(subject_id=ada.pk, purpose_key="shifts", path="test")
    free = {"refusal_consequence": "None.", "alternative": "Do without."}
    actions.define_purpose(key="shifts", title="Shifts", basis="consent", **free)
    actions.publish_notice(**consent_notice, terms={**terms, "basis": "consent"})
    press(as_ada, as_ada.get("/choices/"), "refuse", "shifts")
    assert gate.read(ada.pk).grants == {}
    erasure = SubjectRequest.objects.get(subject_id=ada.pk)
    assert (erasure.kind, erasure.ground) == ("erasure", "no_longer_necessary")
