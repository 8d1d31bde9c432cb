"""An objection stops collection at once; legal decides on what is there, with reasons; nothing is lost meanwhile."""

from __future__ import annotations

import html
import re

import pytest

from consent import actions as decisions
from consent import gate
from consent.models import Decision
from portal.people.models import Employee
from portal.register.models import Source
from portal.rights import actions, calling_back, handling
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind, NotAllowed, State
from tests.makers import make_employee, make_purpose, make_token
from tests.pages.conftest import BACKEND
from tests.rights.conftest import at, carry_out, make_events, person, store, stored

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
BASE = "/api/v1/subject-requests"


@pytest.fixture
def lou():
    """Of legal as well."""
    return make_employee("Lou Lind", roles=["legal"])


@pytest.fixture
def chief():
    return make_employee("Chief", roles=["legal"])


@pytest.fixture
def protected(hana, lea, lou, chief, recorded, soon):
    """Ada's clicks are kept to train, on her yes, and to protect, on the company's legitimate interest."""
    source = Source.objects.get(pk="recorder")
    source.flows.create(category="pointer_clicks", purpose_key="protect", state="live", why="Theft.", off_hours=True)
    source.flows.create(category="scrolling", purpose_key="protect", state="live", why="Theft.", off_hours=True)
    make_purpose(
        "protect",
        basis="legitimate_interest",
        title="Protect our systems",
        covers={"recorder": ["pointer_clicks", "scrolling"]},
    )
    decisions.acknowledge(subject_id=recorded.pk, purpose_key="protect", path="/choices/")
    store(recorded, make_events(at(1)))
    return recorded


@pytest.fixture
def as_(client):
    def sign(who):
        client.force_login(who, BACKEND)
        return client

    return sign


def object_to(ada):
    return actions.object_to(subject_id=ada.pk, purpose_key="protect", by=person(ada), path="/choices/")[1]


def withdraw(ada, **how):
    return actions.withdraw(subject_id=ada.pk, purpose_key="train", by=person(ada), path="/choices/", **how)[1]


def purposes_of(ada):
    """Return for which purposes the events of yesterday are kept, and how many each."""
    found = {}
    for row in stored(ada):
        if row["t"] >= at(1):
            found[row["category"]] = tuple(row["purposes"].split(","))
    return found


def text(answer):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


def code_of(call, **named):
    with pytest.raises(NotAllowed) as error:
        call(**named)
    return error.value.code


def test_collection_stops_with_the_click_and_the_date_is_within_a_month(as_, protected):
    client = as_(protected)
    client.post("/choices/protect/object/")
    assert set(gate.read(protected.pk).grants) == {"train"}
    request = SubjectRequest.objects.get(kind="objection")
    assert (request.state, request.purpose_key) == ("in_review", "protect")
    assert (request.due - request.received.date()).days <= 33
    assert "You objected to “Protect our systems”." in text(client.get(f"/requests/{request.pk}/"))
    assert "Legal now decides" in text(client.get(f"/requests/{request.pk}/"))


def test_human_resources_see_it_but_only_legal_decides(as_, protected, hana, lea):
    request = object_to(protected)
    page = as_(hana).get(f"/queue/{request.pk}/")
    assert "Only legal decides on an objection" in text(page)
    assert "data-action=" not in re.sub(r'data-action="(pause|resume)"', "", page.content.decode())
    as_(hana).post(f"/queue/{request.pk}/approve/")
    as_(hana).post(f"/queue/{request.pk}/refuse/", {"ground": "legal_claims", "note": "We need it."})
    request.refresh_from_db()
    assert (request.state, request.proposed_refusal) == ("in_review", "")
    as_(lea).post(f"/queue/{request.pk}/approve/")
    request.refresh_from_db()
    assert request.state == "delivered"


def test_the_reason_is_read_by_those_alone_who_decide(as_, protected, hana, lea):
    as_(protected).post("/choices/protect/object/", {"note": "My desk is beside the clinic."})
    request = SubjectRequest.objects.get(kind="objection")
    assert "beside the clinic" not in text(as_(hana).get(f"/queue/{request.pk}/"))
    assert "beside the clinic" in text(as_(lea).get(f"/queue/{request.pk}/"))


def test_a_program_decides_on_no_objection(client, protected):
    request = object_to(protected)
    token = make_token("requests.handle requests.read")
    for verb, body in (("approve", {}), ("refuse", {"reason": "legal_claims", "note": "Needed."})):
        answer = client.post(
            f"{BASE}/{request.pk}/{verb}",
            body,
            content_type="application/json",
            headers={"authorization": f"Bearer {token}"},
        )
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:daylight:problem:handler.not_legal")
    request.refresh_from_db()
    assert request.state == "in_review"


def test_legal_of_the_persons_own_line_does_not_decide(protected, chief):
    Employee.objects.filter(pk=protected.pk).update(manager=chief)
    request = object_to(protected)
    assert code_of(handling.approve, request=request, by=person(chief)) == "handler.concerned"


def test_upheld_means_that_what_is_kept_for_it_alone_is_deleted(protected, lea):
    request = object_to(protected)
    handling.approve(request=request, by=person(lea))
    erasure = SubjectRequest.objects.get(kind="erasure")
    assert (erasure.ground, erasure.purpose_key, erasure.state) == ("objection_to_processing", "protect", "processing")
    assert carry_out(erasure).state == "delivered"
    assert set(purposes_of(protected).values()) == {("train",)}


def test_turned_down_needs_reasons_and_two_of_legal(as_, protected, hana, lea, lou):
    request = object_to(protected)
    answer = as_(lea).post(f"/queue/{request.pk}/refuse/", {"ground": "compelling_legitimate_grounds", "note": " "})
    assert answer.status_code == 422
    named = {"request": request, "by": person(lea), "ground": "compelling_legitimate_grounds"}
    assert code_of(handling.refuse, **named) == "reason.missing"
    assert code_of(handling.refuse, **named | {"ground": "archival", "note": "x"}) == "ground.unknown"
    reasons = {"ground": "compelling_legitimate_grounds", "note": "Two break-ins this year."}
    as_(lea).post(f"/queue/{request.pk}/refuse/", reasons)
    as_(hana).post(f"/queue/{request.pk}/refuse/", reasons)
    request.refresh_from_db()
    assert request.state == "in_review"
    as_(lou).post(f"/queue/{request.pk}/refuse/", reasons)
    told = text(as_(protected).get(f"/requests/{request.pk}/"))
    assert "Refused: compelling grounds that weigh more" in told
    assert "Two break-ins this year." in told
    assert "unless you confirm its notice again yourself" in told


def test_compelling_grounds_turn_down_nothing_but_an_objection(protected, hana):
    request = actions.open_request(kind=Kind.RESTRICTION, subject_id=protected.pk, by=person(protected))
    named = {"request": request, "by": person(hana), "ground": "compelling_legitimate_grounds", "note": "x"}
    assert code_of(handling.refuse, **named) == "ground.unknown"


@pytest.fixture
def turned_down(protected, lea, lou):
    request = object_to(protected)
    for who in (lea, lou):
        handling.refuse(request=request, by=person(who), ground="legal_claims", note="A case in court.")
    request.refresh_from_db()
    assert request.state == "refused"
    return request


def test_a_withdrawal_leaves_alone_what_an_undecided_objection_is_about(protected):
    object_to(protected)
    erasure = withdraw(protected)
    assert erasure.wanted.purposes == {"train"}
    assert carry_out(erasure).state == "delivered"
    assert purposes_of(protected) == {"pointer_clicks": ("protect",), "scrolling": ("protect",)}


def test_and_so_does_one_after_the_objection_was_turned_down(protected, turned_down):
    assert carry_out(withdraw(protected)).state == "delivered"
    assert purposes_of(protected) == {"pointer_clicks": ("protect",), "scrolling": ("protect",)}


def test_upheld_afterwards_takes_what_the_withdrawal_had_left(protected, lea):
    request = object_to(protected)
    carry_out(withdraw(protected))
    handling.approve(request=request, by=person(lea))
    carry_out(SubjectRequest.objects.get(ground="objection_to_processing"))
    assert stored(protected) == []


def test_what_is_to_go_later_stays_until_then_whatever_else_is_withdrawn(two_purposes, soon):
    later = actions.withdraw(
        subject_id=two_purposes.pk, purpose_key="support", by=person(two_purposes), path="/choices/", erase="72h"
    )[1]
    carry_out(withdraw(two_purposes))
    assert [row["category"] for row in stored(two_purposes)] == ["pointer_clicks"]
    SubjectRequest.objects.filter(pk=later.pk).update(not_before=None, wake_at=None)
    assert carry_out(later).state == "delivered"
    assert stored(two_purposes) == []


def test_nobody_can_confirm_again_while_it_is_undecided_but_afterwards(as_, protected, lea):
    request = object_to(protected)
    page = as_(protected).post("/choices/protect/acknowledge/", follow=True)
    assert "Your objection is not yet decided" in text(page)
    assert "protect" not in gate.read(protected.pk).grants
    handling.approve(request=request, by=person(lea))
    as_(protected).post("/choices/protect/acknowledge/")
    assert "protect" in gate.read(protected.pk).grants


def test_turned_down_lets_nothing_in_by_itself(as_, protected, turned_down):
    assert "protect" not in gate.read(protected.pk).grants
    as_(protected).post("/choices/protect/acknowledge/")
    assert "protect" in gate.read(protected.pk).grants


def test_who_takes_the_objection_back_keeps_the_data_and_can_confirm_again(as_, protected):
    request = object_to(protected)
    as_(protected).post(f"/requests/{request.pk}/cancel/")
    assert "You took your objection back" in text(as_(protected).get(f"/requests/{request.pk}/"))
    assert calling_back.uncovered(protected.pk) == frozenset()
    as_(protected).post("/choices/protect/acknowledge/")
    assert "protect" in gate.read(protected.pk).grants


def test_to_object_twice_makes_one_request(protected):
    first = object_to(protected)
    SubjectRequest.objects.update(opened_at="2026-01-01T00:00:00Z")
    assert object_to(protected) == first
    assert SubjectRequest.objects.filter(kind="objection", state=State.IN_REVIEW).count() == 1


def test_an_objection_of_the_last_release_counts_as_undecided_too(protected):
    request = object_to(protected)
    SubjectRequest.objects.filter(pk=request.pk).update(purpose_key="", scope={"purposes": ["protect"]})
    assert withdraw(protected).wanted.purposes == {"train"}


# --- an objection that does not come by click


def send_objection(client, ada, scopes="requests.open", **body):
    token = make_token(scopes)
    body = {"kind": "objection", "subject": str(ada.pk), **body}
    return client.post(BASE, body, content_type="application/json", headers={"authorization": f"Bearer {token}"})


@pytest.mark.parametrize("scope", [{}, {"purposes": ["protect"]}, {"purposes": ["protect", "train"]}])
def test_one_through_a_connected_system_stops_collection_at_once_too(client, protected, lea, scope):
    assert send_objection(client, protected, scope=scope, channel="letter").status_code == 201
    assert set(gate.read(protected.pk).grants) == {"train"}
    request = SubjectRequest.objects.get(kind="objection")
    assert request.state == "in_review"
    decision = Decision.objects.for_subject(protected.pk).latest("leaf_idx")
    assert (decision.kind, decision.purpose_key, decision.path) == ("objected", "protect", "request:client")
    handling.approve(request=request, by=person(lea))
    carry_out(SubjectRequest.objects.get(kind="erasure"))
    assert "protect" not in {each for row in stored(protected) for each in row["purposes"].split(",")}


def test_one_that_names_only_a_category_takes_no_more_when_it_is_upheld(client, protected, lea):
    send_objection(client, protected, scope={"categories": ["scrolling"]})
    request = SubjectRequest.objects.get(kind="objection")
    handling.approve(request=request, by=person(lea))
    erasure = SubjectRequest.objects.get(kind="erasure")
    assert erasure.scope == {"categories": ["scrolling"], "purposes": ["protect"]}


def test_sent_twice_under_one_key_it_is_one_request_and_one_decision(client, protected):
    token = make_token("requests.open")
    headers = {"authorization": f"Bearer {token}", "Idempotency-Key": "letter-17"}
    body = {"kind": "objection", "subject": str(protected.pk)}
    answers = [client.post(BASE, body, content_type="application/json", headers=headers) for _each in range(2)]
    assert [each.status_code for each in answers] == [201, 200]
    assert answers[0].json()["id"] == answers[1].json()["id"]
    assert Decision.objects.for_subject(protected.pk).filter(kind="objected").count() == 1


def test_sent_again_after_a_new_answer_it_ends_nothing_that_was_answered_since(client, protected, lea):
    token = make_token("requests.open")
    headers = {"authorization": f"Bearer {token}", "Idempotency-Key": "letter-18"}
    body = {"kind": "objection", "subject": str(protected.pk)}
    client.post(BASE, body, content_type="application/json", headers=headers)
    handling.approve(request=SubjectRequest.objects.get(kind="objection"), by=person(lea))
    actions.acknowledge(subject_id=protected.pk, purpose_key="protect", path="/choices/")
    answer = client.post(BASE, body, content_type="application/json", headers=headers)
    assert (answer.status_code, answer.json()["state"]) == (200, "delivered")
    assert set(gate.read(protected.pk).grants) == {"train", "protect"}


def test_it_tells_neither_the_program_nor_human_resources_what_the_person_had_confirmed(as_, protected, hana, lea):
    answer = send_objection(as_(hana), protected, channel="letter")
    assert answer.json()["scope"] == {}
    page = f"/queue/{answer.json()['id']}/"
    assert "Protect our systems" not in text(as_(hana).get(page)) + text(as_(hana).get("/queue/"))
    assert "Protect our systems" in text(as_(lea).get(page))


def test_about_nobody_it_stops_nothing(client, protected):
    assert send_objection(client, protected, subject="nobody").status_code == 404
    assert set(gate.read(protected.pk).grants) == {"train", "protect"}
