"""Drafts on a page: what would begin and end and whom it would ask, and a yes by two who did not draft it."""

from __future__ import annotations

import re

import pytest
from django.core import mail

from consent import actions
from consent.models import NoticeVersion, Purpose
from portal.outbox.tasks import sweep
from portal.oversight.tasks import tell_of_drafts
from portal.register.models import Approval, PolicyDraft, Source
from tests.makers import make_employee
from tests.people.test_guards import age_sign_in
from tests.register.conftest import company  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
PAGE = "/oversight/drafts/"
APPROVE = "/oversight/drafts/approve"


def words(browser):
    return " ".join(re.sub(r"<[^>]+>", " ", browser.get(PAGE).content.decode()).split())


def approve(browser, seen=None):
    if seen is None:
        found = re.search(r'name="seen" value="([^"]*)"', browser.get(PAGE).content.decode())
        seen = found.group(1) if found else ""
    answer = browser.post(APPROVE, {"seen": seen}, follow=True)
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


@pytest.fixture
def legal(as_role):
    return as_role("legal")


@pytest.fixture
def council(as_role):
    return as_role("council")


@pytest.fixture
def drafted(company):  # noqa: F811
    company.apply()
    return company


def test_a_draft_shows_what_begins_and_whom_it_asks_before_anything_counts(drafted, legal):
    said = words(legal)
    assert "Begins to collect:" in said
    assert "everybody" in said
    assert "Otto Drafter" in said
    assert not Purpose.objects.live().exists() and not NoticeVersion.objects.exists(), "looking changes nothing"


def test_legal_and_council_bring_it_live_from_the_page(drafted, legal, council):
    assert "Your approval is kept" in approve(legal)
    assert "You have approved" in words(legal)
    assert not Source.objects.live().exists()
    assert "in force from now on" in approve(council)
    assert Source.objects.live().count() == 3
    assert "Nothing waits" in words(legal)


def test_nobody_approves_what_they_drafted(company, as_role):  # noqa: F811
    author = as_role("legal")
    company.apply(by=author.person.employee_number)
    assert "You drafted some of this" in words(author)
    assert "is your own" in approve(author, seen=str(PolicyDraft.objects.get().pk))
    assert not Approval.objects.exists()


def test_a_draft_that_came_after_the_page_was_opened_is_not_approved_with_it(drafted, legal):
    opened = str(PolicyDraft.objects.get().pk)
    document = drafted.document()
    document["purposes"][0]["title"] = "Something else"
    drafted.apply(document)
    assert "have changed since you opened the page" in approve(legal, seen=opened)
    for made_up in ("", "0", "x", f"{opened},{opened}"):
        approve(legal, seen=made_up)
    assert not Approval.objects.exists()


def test_whose_sign_in_is_not_recent_is_asked_to_prove_it_again(drafted, legal):
    age_sign_in(legal, 301)
    answer = legal.post(APPROVE, {"seen": str(PolicyDraft.objects.get().pk)})
    assert answer.status_code == 302 and answer["Location"].startswith("/accounts/reauthenticate/")
    assert not Approval.objects.exists()


def test_what_the_law_still_demands_is_named_and_cannot_be_approved(company, legal):  # noqa: F811
    document = company.document()
    document["sources"][0].pop("assessment")
    company.apply(document)
    said = words(legal)
    assert "Still missing:" in said and "assessment" in said
    assert "Not approved" in approve(legal, seen=str(PolicyDraft.objects.get().pk))
    assert not Approval.objects.exists()


def test_a_wider_draft_says_how_many_are_asked_again_but_not_who(drafted, legal, council):
    approve(legal)
    approve(council)
    yes = [make_employee("Yes Sayer", password="") for _ in range(3)]
    for person in yes:
        actions.acknowledge(subject_id=person.pk, purpose_key="fault-finding", path="/choices/")
    document = drafted.document()
    finding = next(each for each in document["purposes"] if each["key"] == "fault-finding")
    finding["retention"][0]["days"] += 100
    drafted.apply(document)
    said = words(legal)
    assert "Kept longer" in said and "fewer than 10" in said
    assert "Yes Sayer" not in said
    assert "What changes in the notice" in said


def test_only_legal_and_council_may_look_and_approve(drafted, as_role):
    for role in ("", "hr", "engineer", "operator", "auditor"):
        other = as_role(role)
        assert other.get(PAGE).status_code == 403
        assert other.post(APPROVE).status_code == 403


def test_each_approver_is_written_to_once_and_whoever_drafted_it_is_not(company, as_role):  # noqa: F811
    author = as_role("legal").person
    company.apply(by=author.employee_number)
    for _ in range(2):
        tell_of_drafts()
        sweep()
    told = sorted(address for each in mail.outbox for address in each.to)
    assert len(told) == len(set(told)) == 2, "Lea Legal and Cora Council of the company"
    assert author.email not in told
    assert all("http://localhost:8000/oversight/drafts/" in each.body for each in mail.outbox)
