"""Every way to answer, for every basis: what cannot be recorded is said in plain words, and nothing is recorded."""

from __future__ import annotations

import html
import re

import pytest

from consent import actions, gate
from consent.models import Decision, NoticeVersion
from consent.values import Basis
from portal.rights.choices.saying_no import WORDS
from portal.rights.models import SubjectRequest
from portal.rights.stopping import stop_and_erase
from tests.makers import make_notice, make_purpose
from tests.rights.conftest import person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
VERBS = ("give", "refuse", "withdraw", "acknowledge", "object")
RECORDED = {
    Basis.CONSENT: {"give", "refuse", "withdraw"},
    Basis.LEGITIMATE_INTEREST: {"acknowledge", "object"},
    Basis.PUBLIC_TASK: {"acknowledge", "object"},
    Basis.CONTRACT: {"acknowledge"},
    Basis.LEGAL_OBLIGATION: {"acknowledge"},
    Basis.VITAL_INTERESTS: {"acknowledge"},
}
CODES = re.compile(r"\b(?:purpose|notice|subject|objection)\.[a-z_]+\b")


def answer(client, verb, key="train", **sent):
    page = client.post(f"/choices/{key}/{verb}/", sent, follow=True)
    assert page.status_code == 200
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.content.decode())).split())


@pytest.mark.parametrize("basis", list(Basis))
def test_each_verb_is_recorded_where_the_basis_has_it_and_else_said_why_not(as_ada, ada, agent, basis):
    make_purpose(basis=basis)
    for verb in VERBS:
        before = Decision.objects.for_subject(ada.pk).count()
        page = answer(as_ada, verb)
        made = Decision.objects.for_subject(ada.pk).count() - before
        assert made == (verb in RECORDED[basis]), verb
        assert ("Nothing was recorded" in page) is (made == 0), verb
        assert not CODES.search(page), verb


@pytest.mark.parametrize("verb", VERBS)
def test_after_its_end_a_purpose_takes_only_what_takes_back(as_ada, ada, train, verb):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    actions.retire_purpose(key="train")
    page = answer(as_ada, verb)
    kind = Decision.objects.for_subject(ada.pk).latest("leaf_idx").kind
    assert kind == ("withdrawn" if verb == "withdraw" else "given")
    assert ("Nothing was recorded" in page) is (verb != "withdraw")


def test_a_yes_from_before_another_basis_is_taken_back_as_what_it_was(as_ada, ada, train):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    make_purpose("train", basis="legitimate_interest", title="Train")
    assert "there is none to give or to take back" not in answer(as_ada, "withdraw")
    assert gate.read(ada.pk).grants == {}
    erasure = SubjectRequest.objects.get(subject_id=ada.pk)
    assert (erasure.kind, erasure.ground) == ("erasure", "consent_withdrawn")


def test_what_was_confirmed_before_consent_was_asked_can_still_be_objected_to(as_ada, ada, protect):
    actions.acknowledge(subject_id=ada.pk, purpose_key="protect", path="test")
    make_purpose("protect", basis="consent", title="Protect")
    answer(as_ada, "object", "protect")
    assert gate.read(ada.pk).grants == {}
    assert SubjectRequest.objects.get(subject_id=ada.pk).kind == "objection"


def test_stop_and_erase_goes_by_what_each_answer_rested_on(ada, train, protect):
    actions.give(subject_id=ada.pk, purpose_key="train", path="test")
    actions.acknowledge(subject_id=ada.pk, purpose_key="protect", path="test")
    make_purpose("train", basis="contract", title="Train")
    make_purpose("protect", basis="consent", title="Protect")
    stop_and_erase(subject_id=ada.pk, by=person(ada))
    assert gate.read(ada.pk).grants == {}


@pytest.mark.parametrize("version", ["1", "99", "0", "-1", "1e3", "²", "9" * 40, ""])
@pytest.mark.parametrize("verb", ["give", "acknowledge"])
def test_only_the_text_in_force_can_be_answered_with_yes(as_ada, ada, train, protect, verb, version):
    key = "train" if verb == "give" else "protect"
    make_notice(key, text="Another text.")
    page = answer(as_ada, verb, key, version=version)
    newest = NoticeVersion.objects.in_force(key)
    made = Decision.objects.for_subject(ada.pk).values_list("notice_version", flat=True)
    assert set(made) <= {newest.version}
    assert ("Nothing was recorded" in page) is (not made)


def test_every_code_that_can_be_refused_has_its_words():
    for words in WORDS.values():
        assert "Nothing was" in str(words)
        assert not CODES.search(str(words))


@pytest.mark.parametrize("verb", VERBS)
def test_an_unknown_purpose_is_no_page(as_ada, train, verb):
    assert as_ada.post(f"/choices/nothing/{verb}/").status_code == 404
