"""The queue can be narrowed and searched, in pages, at the same cost; nothing leaves it without a visible end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.rights import actions as asking
from portal.rights import handling
from portal.rights.cases import actions, intake
from portal.rights.cases.intake import Came
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind, State
from tests.cases.conftest import BOT, staff, text
from tests.makers import make_employee

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def erasure(person, **how):
    return asking.open_request(kind=Kind.ERASURE, subject_id=person.pk, by=BOT, opened_by="client", **how)


def unknown(handler, **how):
    came = Came(kind=Kind.ACCESS, channel="letter", received_on=timezone.localdate(), text="Who am I?", **how)
    return intake.record(came=came, person=None, by=staff(handler))


def found(client, query, *cases):
    page = text(client.get(f"/queue/?{query}"))
    return [each for each in cases if str(each.pk) in page]


def test_each_filter_narrows_and_what_is_of_no_list_narrows_nothing(become, hana, ada, ben):
    letter = erasure(ada, channel="letter")
    copy = asking.open_request(kind=Kind.ACCESS, subject_id=ben.pk, by=staff(ben))
    SubjectRequest.objects.filter(pk=copy.pk).update(due=timezone.localdate() - timedelta(days=1))
    client = become(hana)
    for query, shown in (
        ("kind=erasure", [letter]),
        ("kind=access", [copy]),
        ("channel=letter", [letter]),
        ("due=overdue", [copy]),
        ("due=week", []),
        ("due=later", [letter]),
        ("state=review", [letter]),
        ("state=ended", []),
        (f"q={ada.employee_number}", [letter]),
        (f"q={copy.pk}", [copy]),
        ("q=nobody", []),
        ("kind=nonsense&due=never&state=gone", [letter, copy]),
    ):
        assert found(client, query, letter, copy) == shown, query


def test_mine_are_those_that_i_have_taken(become, hana, lea, ada, ben):
    mine, others = erasure(ada), erasure(ben)
    actions.take(request=mine, by=staff(hana))
    actions.take(request=others, by=staff(lea))
    assert found(become(hana), "mine=on", mine, others) == [mine]


def test_what_came_from_somebody_unknown_stands_among_the_rest_by_its_date(become, hana, lea, ada):
    asked, stranger = erasure(ada), unknown(lea)
    page = text(become(hana).get("/queue/"))
    assert "Somebody not yet known" in page
    assert str(stranger.pk) in page
    assert found(become(hana), "kind=access&channel=letter", asked, stranger) == [stranger]
    assert found(become(hana), f"q={stranger.pk}", asked, stranger) == [stranger]
    intake.take(intake=stranger, by=staff(hana))
    assert found(become(hana), "mine=on", asked, stranger) == [stranger]


def test_what_ended_stays_to_be_found_with_how_it_ended(become, hana, lea, ada):
    request, stranger = erasure(ada), unknown(lea)
    for by in (hana, lea):
        handling.refuse(request=request, by=staff(by), ground="legal_claims", note="A court case.")
        intake.propose_ending(intake=stranger, ending="nothing_held", by=staff(by))
    assert found(become(hana), "", request, stranger) == []
    for query in ("state=ended", "state=all"):
        assert found(become(hana), query, request, stranger) == [request, stranger]
    page = text(become(hana).get(f"/queue/{request.pk}/"))
    assert "Refused, " in page
    assert "refused it: needed for legal claims" in page


def test_a_joined_request_is_in_the_queue_until_the_first_ends(become, hana, lea, ada):
    first = erasure(ada)
    again = asking.open_request(kind=Kind.ERASURE, subject_id=ada.pk, by=staff(lea), opened_by="staff", channel="phone")
    assert again.joined_to == first
    assert found(become(hana), "", first, again) == [first, again]
    assert "The same was asked before" in text(become(hana).get(f"/queue/{again.pk}/"))
    assert "The same was asked once more" in text(become(hana).get(f"/queue/{first.pk}/"))
    handling.approve(request=first, by=staff(hana))
    SubjectRequest.objects.filter(pk=first.pk).update(state=State.DELIVERED)
    assert found(become(hana), "", first, again) == []
    assert found(become(hana), "state=ended", first, again) == [first, again]


def test_pages_follow_each_other_and_keep_the_filter(become, hana, ada):
    people = [make_employee(f"Person {number}", password="") for number in range(51)]
    for person in people:
        erasure(person)
    asking.open_request(kind=Kind.ACCESS, subject_id=ada.pk, by=staff(ada))
    page = become(hana).get("/queue/?kind=erasure")
    assert text(page).count("<tr>") == 51
    assert "kind=erasure&page=2" in text(page)
    assert text(become(hana).get("/queue/?kind=erasure&page=2")).count("<tr>") == 2
    assert become(hana).get("/queue/?page=9").status_code == 404


def test_it_costs_the_same_whatever_there_is(become, hana, lea, ada, ben):
    def queries():
        with CaptureQueriesContext(connection) as seen:
            assert become(hana).get("/queue/?state=all").status_code == 200
        return len(seen)

    queries()
    actions.take(request=erasure(ada), by=staff(hana))
    unknown(lea)
    few = queries()
    for number in range(4):
        actions.take(request=erasure(make_employee(f"Person {number}", password="")), by=staff(lea))
        unknown(lea)
    assert queries() == few


def test_one_case_costs_the_same_whatever_was_written(become, hana, ada, review):
    def queries():
        with CaptureQueriesContext(connection) as seen:
            assert become(hana).get(f"/queue/{review.pk}/").status_code == 200
        return len(seen)

    queries()
    actions.note(request=review, text="One", by=staff(hana))
    few = queries()
    for number in range(5):
        actions.note(request=review, text=f"Note {number}", by=staff(hana))
        actions.tell(request=review, text=f"Message {number}", by=staff(hana))
    assert queries() == few
