"""Following requests over HTTP: filters that add up, pages that do not move, limits on how often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from portal.rights import actions
from portal.rights.models import SubjectRequest
from tests.makers import SETTING_UP, make_employee, make_token

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
BASE = "/api/v1/subject-requests"


@pytest.fixture
def get():
    token, client = make_token("requests.read", name="reader"), Client()

    def get(query=""):
        return client.get(f"{BASE}?{query}", headers={"authorization": f"Bearer {token}"})

    return get


def ids(answer):
    assert answer.status_code == 200, answer.content
    return [each["id"] for each in answer.json()["items"]]


def asked(employee, kind, **over):
    return actions.open_request(kind=kind, subject_id=employee.pk, by=SETTING_UP, opened_by="client", **over)


def test_filters_are_exact_and_add_up(get, ada, ben):
    copy = asked(ada, "access")
    erasure = asked(ada, "erasure")
    other = asked(ben, "erasure")
    assert ids(get("kind=erasure")) == [str(other.pk), str(erasure.pk)]
    assert ids(get("state=processing")) == [str(copy.pk)]
    assert ids(get(f"kind=erasure&subject={ada.employee_number}&state=in_review")) == [str(erasure.pk)]
    assert ids(get(f"kind=access&subject={ben.pk}")) == []
    day = SubjectRequest.objects.get(pk=copy.pk).due
    assert ids(get(f"due_before={day}")) == []
    assert len(ids(get(f"due_before={day + timedelta(days=1)}"))) == 3
    assert ids(get(f"due_before={day + timedelta(days=1)}&kind=access")) == [str(copy.pk)]


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "UTC", "Asia/Kathmandu", "Pacific/Kiritimati"])
def test_an_instant_is_compared_with_the_end_of_the_day_where_the_person_is(zone, get):
    somebody = make_employee("Somebody", time_zone=zone)
    request = asked(somebody, "access")
    due = datetime.fromisoformat(get().json()["items"][0]["due"])
    assert due.date() == request.due
    assert due.time().isoformat() == "23:59:59"
    for shift, listed in ((timedelta(0), 0), (timedelta(seconds=1), 1)):
        instant = (due + shift).astimezone(UTC).isoformat().replace("+00:00", "Z")
        assert len(ids(get(f"due_before={instant}"))) == listed
        assert len(ids(get(f"due_before={(due + shift).isoformat().replace('+', '%2B')}"))) == listed


def test_pages_neither_skip_nor_repeat_when_others_come_in_or_go(get):
    people = [make_employee(f"Person {n}") for n in range(7)]
    made = [str(asked(each, "access").pk) for each in people]
    first = get("limit=3")
    assert ids(first) == made[:-4:-1]
    for name in ("New", "Newer"):
        asked(make_employee(name), "access")
    second = get(f"limit=3&cursor={first.json()['next']}")
    assert ids(second) == made[3:0:-1]
    third = get(f"limit=3&cursor={second.json()['next']}")
    assert ids(third) == made[:1]
    assert third.json()["next"] is None


def test_requests_of_one_instant_are_told_apart(get):
    for n in range(5):
        asked(make_employee(f"Person {n}"), "access")
    SubjectRequest.objects.update(opened_at=datetime(2026, 11, 1, tzinfo=UTC))
    seen, cursor = [], ""
    while cursor is not None:
        answer = get(f"limit=2&cursor={cursor}")
        seen += ids(answer)
        cursor = answer.json()["next"]
    assert len(seen) == len(set(seen)) == 5


def test_a_list_costs_as_much_for_many_as_for_one(get, django_assert_max_num_queries):
    for n in range(12):
        asked(make_employee(f"Person {n}"), "access")
    with django_assert_max_num_queries(6):
        assert len(ids(get())) == 12


def test_who_calls_too_often_is_told_when_to_come_again(get, settings):
    settings.API_CALLS_PER_MINUTE = 3
    assert [get().status_code for _ in range(5)] == [200, 200, 200, 429, 429]
    answer = get()
    assert answer["Content-Type"] == "application/problem+json"
    assert 0 < int(answer["Retry-After"]) <= 60
    other = make_token("requests.read", name="other")
    assert Client().get(BASE, headers={"authorization": f"Bearer {other}"}).status_code == 200
