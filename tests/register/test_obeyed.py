"""From the policy file to the store: what an answer did not agree to is not kept, whatever was published since."""

from __future__ import annotations

import pytest
from django.utils import timezone

from consent import actions, asking
from consent.terms import Code
from portal.people.models import Employee
from portal.register.changes import sentence
from tests.makers import make_batch, make_token, send

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def put(client):
    token = make_token("events.write", sources=["desktop"])

    def call(person, *events):
        """Send events of just now; return how many were kept, and what was not."""
        now = round(timezone.now().timestamp() * 1000)
        body = make_batch(person, [{"t": now, **each} for each in events], source="desktop")
        answer = send(client, token, body).json()
        return answer["stored"], answer["withheld"] | answer["stripped"]

    return call


def in_front(app):
    return {"type": "focus", "app": app, "title": ""}


def typed(app):
    return {"type": "keydown", "code": "KeyA", "key": "a", "app": app}


def test_the_rules_of_the_old_answer_hold_until_the_new_one(company, ada, put):
    company.go_live()
    for purpose in ("assistant-training", "writing-help"):
        actions.give(subject_id=ada.pk, purpose_key=purpose, path="tests")
    assert put(ada, in_front("Writer"), typed("Writer")) == (2, {})
    document = company.document()
    document["sources"][0]["flows"][5]["content_apps"].append("Mail")
    document["sources"][0]["blocked_apps"].remove("Signal")
    company.go_live(document)
    assert put(ada, in_front("Mail"), typed("Mail")) == (2, {"keystroke_content": 1})
    assert put(ada, in_front("Signal"), typed("Signal")) == (0, {"app_usage": 1, "keystroke_timing": 1})
    for purpose in ("assistant-training", "writing-help"):
        actions.give(subject_id=ada.pk, purpose_key=purpose, path="tests", version=2)
    assert put(ada, in_front("Mail"), typed("Mail")) == (2, {})
    assert put(ada, in_front("Signal"), typed("Signal")) == (2, {"keystroke_content": 1})


def test_what_narrows_is_obeyed_by_the_next_batch(company, ada, put):
    company.go_live()
    for purpose in ("assistant-training", "writing-help"):
        actions.give(subject_id=ada.pk, purpose_key=purpose, path="tests")
    document = company.document()
    document["sources"][0]["flows"][5]["content_apps"].remove("Calc")
    document["sources"][0]["blocked_apps"].append("Writer")
    company.go_live(document)
    assert put(ada, in_front("Calc"), typed("Calc")) == (2, {"keystroke_content": 1})
    assert put(ada, in_front("Writer"))[0] == 0


def test_an_ended_purpose_is_obeyed_by_the_next_batch(company, ada, put):
    company.go_live()
    actions.acknowledge(subject_id=ada.pk, purpose_key="fault-finding", path="tests")
    assert put(ada, in_front("Writer")) == (1, {})
    ended = next(each for each in company.document()["purposes"] if each["key"] == "fault-finding")
    company.go_live({"version": 1, "purposes": [ended | {"retired": True}]})
    assert put(ada, in_front("Writer")) == (0, {"app_usage": 1})


def agreed_in(company, *countries):
    document = company.document()
    document["controller"]["agreement_required"] = ["DE", "FR"]
    agreement = document["sources"][0].pop("works_agreement")
    document["sources"][0]["works_agreements"] = [agreement | {"country": each} for each in countries]
    return document


def test_a_source_that_comes_to_a_country_asks_first_who_said_yes_when_it_was_not_there(company, ada, ben, put):
    Employee.objects.filter(pk=ada.pk).update(jurisdiction="FR")
    Employee.objects.filter(pk=ben.pk).update(jurisdiction="DE")
    company.go_live(agreed_in(company, "DE"))
    for person in (ada, ben):
        actions.acknowledge(subject_id=person.pk, purpose_key="fault-finding", path="tests")
    assert put(ada, in_front("Writer"))[0] == 0
    assert put(ben, in_front("Writer"))[0] == 1
    company.go_live(agreed_in(company, "DE", "FR"))
    [change] = asking.questions(ada.pk)["fault-finding"].changes
    assert change.code == Code.COUNTRY
    assert sentence(change) == "Now active in more countries: Desktop recorder, in FR."
    assert put(ada, in_front("Writer")) == (0, {"app_usage": 1})
    assert put(ben, in_front("Writer"))[0] == 1
    actions.acknowledge(subject_id=ada.pk, purpose_key="fault-finding", path="tests")
    assert put(ada, in_front("Writer"))[0] == 1


def test_a_source_whose_agreement_ended_collects_nothing_there_at_once(company, ada, put):
    Employee.objects.filter(pk=ada.pk).update(jurisdiction="FR")
    company.go_live(agreed_in(company, "DE", "FR"))
    actions.acknowledge(subject_id=ada.pk, purpose_key="fault-finding", path="tests")
    assert put(ada, in_front("Writer"))[0] == 1
    company.go_live(agreed_in(company, "DE"))
    assert put(ada, in_front("Writer"))[0] == 0
    assert "fault-finding" not in asking.questions(ada.pk)


def test_new_york_sends_nothing_before_it_was_told(company, ada, put):
    Employee.objects.filter(pk=ada.pk).update(jurisdiction="US-NY")
    company.go_live()
    actions.acknowledge(subject_id=ada.pk, purpose_key="fault-finding", path="tests")
    assert put(ada, in_front("Writer")) == (0, {"app_usage": 1})
    actions.acknowledge(subject_id=ada.pk, purpose_key="monitoring-new-york", path="tests")
    assert put(ada, in_front("Writer")) == (1, {})
