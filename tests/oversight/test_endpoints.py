"""Pages about connected systems: what was told and how it was answered, by ids, for operators alone."""

from __future__ import annotations

import pytest

from consent import actions as decisions
from portal.audit.models import Act
from portal.audit.values import Action
from portal.outbox import tasks, webhooks
from portal.outbox.models import Attempt, Delivery
from portal.outbox.values import Course
from portal.people.guards import actor_for
from portal.rights import actions
from portal.rights.values import Kind
from tests.makers import SETTING_UP, make_employee, make_purpose
from tests.outbox.test_webhooks import authority, make_endpoint, open_receiver, receiver  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def told(receiver, ada):  # noqa: F811
    """One thing that was told, and given up."""
    endpoint, secret = make_endpoint(receiver.url, may_read_decisions=True)
    actions.open_request(kind=Kind.ACCESS, subject_id=ada.pk, by=SETTING_UP)
    receiver.answer = (500, {}, b"")
    tasks.tell()
    Delivery.objects.update(state=Course.FAILED)
    return endpoint, secret


def test_the_log_says_what_was_told_and_how_it_was_answered_and_names_nobody(told, ada, as_role):
    endpoint, secret = told
    operator = as_role("operator")
    listed, page = operator.get("/endpoints/"), operator.get(f"/endpoints/{endpoint.pk}/").content.decode()
    delivery, attempt = Delivery.objects.get(), Attempt.objects.get()
    assert f"/endpoints/{endpoint.pk}/" in listed.content.decode()
    assert delivery.event_id in page
    assert f"answered 500 after {attempt.ms}" in page
    for private in (str(ada.pk), ada.name, ada.employee_number, ada.email, delivery.data["request"], secret, "/hook"):
        assert private not in page
        assert private not in listed.content.decode()


def test_what_was_given_up_is_told_once_more_by_a_button(told, receiver, as_role):  # noqa: F811
    endpoint, _ = told
    operator, delivery = as_role("operator"), Delivery.objects.get()
    receiver.answer = (200, {}, b"")
    answer = operator.post(f"/endpoints/{endpoint.pk}/replay", {"delivery": str(delivery.pk)}, follow=True)
    assert "told again" in answer.content.decode()
    tasks.tell()
    assert Delivery.objects.get().state == Course.SENT
    assert len({call.headers["webhook-id"] for call in receiver.calls}) == 1
    act = Act.objects.get(action=Action.WEBHOOK_REPLAYED)
    assert (act.actor_id, act.facts) == (str(operator.person.pk), {"deliveries": 1})


def test_all_that_was_given_up_is_told_once_more_by_one_button(told, as_role):
    endpoint, _ = told
    as_role("operator").post(f"/endpoints/{endpoint.pk}/replay")
    assert Delivery.objects.get().state == Course.WAITING


def test_the_delivery_of_another_endpoint_is_not_told_through_this_one(told, receiver, as_role):  # noqa: F811
    other, _ = make_endpoint(receiver.url, name="other")
    answer = as_role("operator").post(f"/endpoints/{other.pk}/replay", {"delivery": str(Delivery.objects.get().pk)})
    assert answer.status_code == 302
    assert Delivery.objects.get().state == Course.FAILED


@pytest.mark.parametrize("text", ["nonsense", "\0", "1" * 5000, "../x"])
def test_what_is_no_delivery_is_not_found(text, told, as_role):
    endpoint, _ = told
    assert as_role("operator").post(f"/endpoints/{endpoint.pk}/replay", {"delivery": text}).status_code in (400, 404)


def test_an_endpoint_is_switched_off_and_on_again(told, as_role):
    endpoint, _ = told
    operator = as_role("operator")
    operator.post(f"/endpoints/{endpoint.pk}/switch")
    assert "An operator switched it off" in operator.get(f"/endpoints/{endpoint.pk}/").content.decode()
    operator.post(f"/endpoints/{endpoint.pk}/switch")
    endpoint.refresh_from_db()
    assert endpoint.off == "operator"
    operator.post(f"/endpoints/{endpoint.pk}/switch", {"on": "1"})
    endpoint.refresh_from_db()
    assert endpoint.off == ""


def test_when_somebody_answered_is_shown_by_the_day_alone(receiver, ada, as_role):  # noqa: F811
    make_purpose()
    endpoint, _ = make_endpoint(receiver.url, ["consent.withdrawn"], may_read_decisions=True)
    decisions.give(subject_id=ada.pk, purpose_key="train", path="/choices/")
    actions.withdraw(subject_id=ada.pk, purpose_key="train", by=actor_for(ada), path="/choices/")
    tasks.tell()
    page = as_role("operator").get(f"/endpoints/{endpoint.pk}/").content.decode()
    log = page[page.index('id="log"') : page.index('id="state"')]
    assert "Somebody took a yes back" in log
    assert "<time" not in log


def test_a_long_log_has_pages(receiver, as_role, django_assert_max_num_queries):  # noqa: F811
    endpoint, _ = make_endpoint(receiver.url)
    for _ in range(60):
        webhooks.tell("request.opened", {"request": "x"})
    operator = as_role("operator")
    with django_assert_max_num_queries(25):
        first = operator.get(f"/endpoints/{endpoint.pk}/").content.decode()
    assert first.count("msg_") == 25
    assert operator.get(f"/endpoints/{endpoint.pk}/?page=3").content.decode().count("msg_") == 10
    assert operator.get(f"/endpoints/{endpoint.pk}/?page=4").status_code == 404


@pytest.mark.parametrize("role", ["hr", "legal", "council", "engineer", "auditor", ""])
def test_nobody_but_operators_sees_or_changes_an_endpoint(role, told, as_role):
    endpoint, _ = told
    browser = as_role(role)
    for address in ("/endpoints/", f"/endpoints/{endpoint.pk}/"):
        assert browser.get(address).status_code == 403
    for verb in ("replay", "switch"):
        assert browser.post(f"/endpoints/{endpoint.pk}/{verb}").status_code == 403
    assert Delivery.objects.get().state == Course.FAILED
    endpoint.refresh_from_db()
    assert endpoint.off == ""


def test_an_endpoint_that_is_not_there(as_role):
    assert as_role("operator").get(f"/endpoints/{make_employee('X').pk}/").status_code == 404
