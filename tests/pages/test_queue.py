"""The queue: requests of others with state and due date; decisions with a coded ground; never an event."""

from __future__ import annotations

import html
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent.values import Scope
from portal.audit.models import Act
from portal.audit.values import Action, Actor, ActorKind
from portal.people.guards import actor_for
from portal.people.models import Employee
from portal.rights import actions
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind, State
from tests.makers import make_employee
from tests.pages.conftest import BACKEND

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
BOT = Actor(ActorKind.CLIENT, "bot", label="HR automation")


@pytest.fixture
def review(ada):
    """An erasure that a client opened for Ada: it stands in review."""
    return actions.open_request(kind=Kind.ERASURE, subject_id=ada.pk, by=BOT, opened_by="client", note="By letter.")


@pytest.fixture
def become(client):
    def sign(person):
        client.force_login(person, BACKEND)
        return client

    return sign


def text(answer):
    return html.unescape(answer.content.decode())


def refuse(client, request, ground="legal_claims", note="A court case."):
    return client.post(f"/queue/{request.pk}/refuse/", {"ground": ground, "note": note})


def test_the_queue_says_who_asked_what_until_when_and_why_then(become, hana, ada, review):
    page = text(become(hana).get("/queue/"))
    assert f'href="/queue/{review.pk}/"' in page
    assert ada.name in page
    assert "Being reviewed" in page
    assert review.explanation in page


def test_only_who_handles_requests_sees_the_queue(become, ben, lea, review):
    assert become(lea).get("/queue/").status_code == 200
    for path in ("/queue/", f"/queue/{review.pk}/"):
        assert become(ben).get(path).status_code == 403
    assert become(ben).post(f"/queue/{review.pk}/approve/").status_code == 403
    review.refresh_from_db()
    assert review.state == State.IN_REVIEW


def test_what_the_person_did_is_not_said_to_be_done_by_who_reads_it(become, hana, ada):
    request = actions.open_request(kind=Kind.ACCESS, subject_id=ada.pk, by=actor_for(ada, ada.pk))
    page = text(become(hana).get(f"/queue/{request.pk}/"))
    assert "<b>The person</b> opened a request" in page
    assert "<b>You</b>" not in page


def test_what_stands_in_review_is_approved_and_begins(become, hana, review):
    page = text(become(hana).get(f"/queue/{review.pk}/"))
    assert f'data-action="approve" data-request="{review.pk}"' in page
    become(hana).post(f"/queue/{review.pk}/approve/")
    review.refresh_from_db()
    assert review.state == State.PROCESSING


def test_a_refusal_stands_once_a_second_person_signed_it_off(become, hana, lea, ada, review):
    refuse(become(hana), review)
    review.refresh_from_db()
    assert review.state == State.IN_REVIEW
    assert "Hana Horn proposed to refuse this" in text(become(lea).get(f"/queue/{review.pk}/"))
    refuse(become(lea), review)
    review.refresh_from_db()
    assert review.state == State.REFUSED
    told = text(become(ada).get(f"/requests/{review.pk}/"))
    assert "Refused: needed for legal claims" in told
    assert "supervisory authority" in told


def test_a_refusal_needs_a_ground_of_the_list(become, hana, review):
    answer = refuse(become(hana), review, ground="no time")
    assert answer.status_code == 422
    review.refresh_from_db()
    assert review.proposed_refusal == ""


def test_nobody_handles_their_own_case_nor_one_of_their_line(become, hana, review, ada):
    own = actions.open_request(kind=Kind.ACCESS, subject_id=hana.pk, by=actor_for(hana, hana.pk))
    Employee.objects.filter(pk=ada.pk).update(manager=hana)
    page = text(become(hana).get("/queue/"))
    assert str(own.pk) not in page
    assert str(review.pk) not in page
    for case in (own, review):
        assert become(hana).get(f"/queue/{case.pk}/").status_code == 404
        assert become(hana).post(f"/queue/{case.pk}/approve/").status_code == 404
    review.refresh_from_db()
    assert review.state == State.IN_REVIEW


def test_what_is_decided_cannot_be_decided_again(become, hana, lea, review):
    become(hana).post(f"/queue/{review.pk}/approve/")
    page = become(lea).post(f"/queue/{review.pk}/approve/", follow=True)
    assert "nothing to decide" in text(page)


def test_a_case_shows_no_count_of_days_or_events(become, hana, ada):
    request = actions.open_request(kind=Kind.ACCESS, subject_id=ada.pk, by=actor_for(ada, ada.pk))
    request.steps.filter(position=0).update(done=1313, total=2121)
    for path in ("/queue/", f"/queue/{request.pk}/"):
        page = text(become(hana).get(path))
        assert "1313" not in page
        assert "2121" not in page


def test_looking_at_the_queue_and_at_a_case_is_an_act_and_no_access(become, hana, ada, review):
    become(hana).get("/queue/")
    become(hana).get(f"/queue/{review.pk}/")
    assert Act.objects.filter(action=Action.QUEUE_VIEWED, actor_id=str(hana.pk)).count() == 1
    act = Act.objects.for_subject(ada.pk).get(action=Action.CASE_VIEWED)
    assert act.leaf_idx is None
    assert act.case == str(review.pk)


def test_what_is_overdue_stands_first_and_says_so(become, hana, ada, ben, review):
    late = actions.open_request(kind=Kind.ACCESS, subject_id=ben.pk, by=actor_for(ben, ben.pk))
    SubjectRequest.objects.filter(pk=late.pk).update(due=timezone.localdate() - timedelta(days=1))
    page = text(become(hana).get("/queue/"))
    assert page.index(str(late.pk)) < page.index(str(review.pk))
    assert "Overdue" in page


def test_the_queue_shows_what_is_to_decide_or_all(become, hana, ada, review):
    done = actions.open_request(kind=Kind.ACCESS, subject_id=ada.pk, by=actor_for(ada, ada.pk))
    SubjectRequest.objects.filter(pk=done.pk).update(state=State.DELIVERED)
    for query, shown in (("", {review}), ("?state=review", {review}), ("?state=all", {review, done})):
        page = text(become(hana).get(f"/queue/{query}"))
        assert {each for each in (review, done) if str(each.pk) in page} == shown


def test_the_queue_costs_the_same_whatever_there_is(become, hana, ada):
    def queries():
        with CaptureQueriesContext(connection) as seen:
            assert become(hana).get("/queue/").status_code == 200
        return len(seen)

    queries()
    actions.open_request(kind=Kind.ACCESS, subject_id=ada.pk, by=actor_for(ada, ada.pk))
    few = queries()
    for number in range(4):
        person = make_employee(f"Person {number}", password="")
        scope = Scope(categories=frozenset({"scrolling"}))
        actions.open_request(kind=Kind.ACCESS, subject_id=person.pk, by=actor_for(person, person.pk), scope=scope)
    assert queries() == few
