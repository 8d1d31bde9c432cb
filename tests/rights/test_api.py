"""Requests over HTTP: who may open, follow, decide and fetch, and what each answer is."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import rfc8785
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from portal.audit.models import Act
from portal.rights import actions, handling, runner, tasks
from portal.rights.models import Bundle, SubjectRequest
from tests.makers import make_token
from tests.rights.conftest import carry_out, person, stored

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

ALL = "requests.open requests.read requests.handle bundles.read"
BASE = "/api/v1/subject-requests"


@pytest.fixture
def call(client):
    def call(token, method, address, body=None, **headers):
        send = getattr(client, method)
        how = {"headers": {"authorization": f"Bearer {token}", **headers}}
        if method == "post":
            how |= {"data": json.dumps(body if body is not None else {}), "content_type": "application/json"}
        return send(address, **how)

    return call


@pytest.fixture
def bot():
    return make_token(ALL, name="bot")


@pytest.fixture
def other():
    return make_token(ALL, name="other")


@pytest.fixture
def opened(call, bot, recorded):
    """Open a request about Ada by the bot; return its JSON."""

    def opened(**body):
        answer = call(bot, "post", BASE, {"kind": "access", "subject": str(recorded.pk), **body})
        assert answer.status_code == 201, answer.content
        return answer.json()

    return opened


def test_a_request_shows_all_that_the_contract_names(opened, recorded):
    found = opened(format="jsonl", scope={"categories": ["scrolling"], "from": "2026-01-01T00:00:00Z"})
    assert set(found) == {
        "id", "kind", "subject", "state", "scope", "format", "received", "due", "explanation", "progress",
        "reason", "certificate",
    }  # fmt: skip
    assert found["subject"] == str(recorded.pk)
    assert (found["state"], found["format"], found["certificate"]) == ("processing", "jsonl", None)
    assert found["scope"] == {"categories": ["scrolling"], "from": "2026-01-01T00:00:00Z"}
    assert set(found["progress"]) == {"done", "total"}
    assert "received" in found["explanation"]


def test_a_subject_may_be_named_by_number(call, bot, recorded):
    answer = call(bot, "post", BASE, {"kind": "access", "subject": recorded.employee_number})
    assert answer.json()["subject"] == str(recorded.pk)
    listed = call(bot, "get", f"{BASE}?subject={recorded.employee_number}").json()
    assert [each["id"] for each in listed["items"]] == [answer.json()["id"]]


@pytest.mark.parametrize("scope", ["requests.read", "requests.handle", "bundles.read", "events.write"])
def test_opening_needs_its_own_scope(call, recorded, scope):
    answer = call(make_token(scope), "post", BASE, {"kind": "access", "subject": str(recorded.pk)})
    assert answer.status_code == 403
    assert call("nonsense", "get", BASE).status_code == 401
    assert SubjectRequest.objects.count() == 0


def test_somebody_unknown_is_not_found(call, bot):
    answer = call(bot, "post", BASE, {"kind": "access", "subject": "nobody"})
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "theft"}, "/kind"),
        ({"format": "pdf"}, "/format"),
        ({"scope": {"categories": ["mood"]}}, "/scope/categories/0"),
        ({"scope": {"from": "2026-01-01T00:00:00"}}, "/scope/from"),
        ({"scope": {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}}, "/scope"),
        ({"ground": "because"}, "/ground"),
        ({"surprise": 1}, "/surprise"),
        ({"received_at": "2999-01-01T00:00:00Z"}, "/received_at"),
        ({"received_at": "2030-01-01T00:00:00Z"}, "/received_at"),
    ],
)
def test_what_breaks_the_schema_is_named_by_a_pointer(call, bot, recorded, body, pointer):
    answer = call(bot, "post", BASE, {"kind": "access", "subject": str(recorded.pk), **body})
    assert answer.status_code == 422, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert SubjectRequest.objects.count() == 0


@pytest.mark.parametrize(
    ("query", "pointer"),
    [("state=gone", "/state"), ("due_before=soon", "/due_before"), ("limit=0", "/limit"), ("cursor=x", "/cursor")],
)
def test_a_filter_that_is_wrong_is_named_by_a_pointer(call, bot, query, pointer):
    answer = call(bot, "get", f"{BASE}?{query}")
    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json()["errors"]} == {pointer}


def test_a_pointer_escapes_what_a_name_may_hold(call, bot):
    answer = call(bot, "post", BASE, {"kind": "access", "subject": "1", "a/b~c": 1})
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/a~1b~0c"]


@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b'{"kind"', 400), (b"null", 422), (b" " * 2**20 + b"0", 413)]
)
def test_a_body_that_is_no_json_or_too_long_is_refused(client, bot, body, status):
    answer = client.post(BASE, data=body, content_type="application/json", headers={"authorization": f"Bearer {bot}"})
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")


def test_the_same_key_gives_the_same_request_and_another_body_is_refused(call, bot, other, recorded, ben):
    body = {"kind": "access", "subject": str(recorded.pk)}
    first, again = (call(bot, "post", BASE, body, idempotency_key="k1") for _time in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["id"] == again.json()["id"]
    for changed in ({"format": "jsonl"}, {"subject": str(ben.pk)}, {"kind": "erasure"}):
        assert call(bot, "post", BASE, body | changed, idempotency_key="k1").status_code == 422
    assert call(other, "post", BASE, body, idempotency_key="k1").json()["id"] != first.json()["id"]
    assert SubjectRequest.objects.count() == 2


def test_a_program_is_told_that_a_deletion_is_certified_and_of_an_answer_only_if_it_may_read_them(
    call, bot, recorded, soon
):
    """A deletion that follows from a no would tell that no by its purposes."""
    _recorded, erasure = actions.withdraw(
        subject_id=recorded.pk, purpose_key="train", by=person(recorded), path="/choices/"
    )
    carry_out(erasure)
    shown = call(bot, "get", f"{BASE}/{erasure.pk}").json()
    reader = call(make_token("requests.read", may_read_decisions=True), "get", f"{BASE}/{erasure.pk}").json()
    assert shown["state"] == "delivered"
    assert set(shown["certificate"]) == {"certificate_sha256", "issued"}
    assert (shown["scope"], reader["scope"]) == ({}, {"purposes": ["train"]})
    document = reader["certificate"]["certificate"]
    assert hashlib.sha256(rfc8785.dumps(document)).hexdigest() == shown["certificate"]["certificate_sha256"]


def test_an_erasure_by_a_program_waits_for_somebody_else(call, bot, other, recorded, soon):
    found = call(bot, "post", BASE, {"kind": "erasure", "subject": str(recorded.pk)}).json()
    assert found["state"] == "in_review"
    assert not runner.advance(found["id"])
    own = call(bot, "post", f"{BASE}/{found['id']}/approve")
    assert (own.status_code, own.json()["type"]) == (403, "urn:daylight:problem:handler.opened_it")
    assert len(stored(recorded)) == 24
    assert call(other, "post", f"{BASE}/{found['id']}/approve").json()["state"] == "processing"
    carry_out(SubjectRequest.objects.get())
    shown = call(bot, "get", f"{BASE}/{found['id']}").json()
    assert shown["state"] == "delivered"
    assert shown["certificate"]["certificate"]["erased"]["events"] == 24
    steps = call(bot, "get", f"{BASE}/{found['id']}/steps").json()["items"]
    assert {step["state"] for step in steps} == {"done"}
    assert call(other, "post", f"{BASE}/{found['id']}/approve").status_code == 409


def test_a_refusal_by_a_program_waits_for_two_people(hana, lea, call, bot, other, recorded):
    found = call(bot, "post", BASE, {"kind": "erasure", "subject": str(recorded.pk)}).json()
    assert call(other, "post", f"{BASE}/{found['id']}/refuse").status_code == 422
    answer = call(other, "post", f"{BASE}/{found['id']}/refuse", {"reason": "legal_claims"})
    assert (answer.status_code, answer.json()["state"]) == (202, "in_review")
    request = SubjectRequest.objects.get()
    for by, state in ((hana, "in_review"), (hana, "in_review"), (lea, "refused")):
        handling.refuse(request=request, by=person(by), ground="legal_claims")
        assert call(bot, "get", f"{BASE}/{found['id']}").json()["state"] == state
    assert call(bot, "get", f"{BASE}/{found['id']}").json()["reason"]


def test_opening_and_approving_cost_few_questions(call, bot, other, recorded, ben):
    def asked(token, address, body=None, *, answers):
        with CaptureQueriesContext(connection) as seen:
            answer = call(token, "post", address, body)
        assert answer.status_code == answers, answer.content
        # How a line comes into the journal is the journal's own; where transactions begin and end is not counted.
        other_parts = re.compile("consent_(journalline|ledger)|^(BEGIN|COMMIT|SAVEPOINT|RELEASE)")
        own = [each for each in seen if not other_parts.search(each["sql"])]
        return len(own), answer.json()

    def wants(whom, kind):
        return {"kind": kind, "subject": str(whom.pk)}

    # What a process remembers of its own accord: content types, the statement of a token.
    call(bot, "post", BASE, wants(ben, "access"))
    call(other, "post", f"{BASE}/{call(bot, 'post', BASE, wants(ben, 'erasure')).json()['id']}/approve")
    # The token, the person, their place under the lock, what it could be joined to, the request, the systems that are
    # asked, its steps, the act, who wants to hear of it, how far it is.
    assert asked(bot, BASE, wants(recorded, "access"), answers=201)[0] == 10
    count, erasure = asked(bot, BASE, wants(recorded, "erasure"), answers=201)
    assert count == 9
    # The token, the request, who asked for it too, its lock, holds, open questions, the act, systems, steps, the
    # request, how far it is.
    assert asked(other, f"{BASE}/{erasure['id']}/approve", answers=200)[0] == 11


def test_what_is_answered_is_what_is_stored(call, bot, other, opened):
    copy = opened(received_at=(timezone.now() - timedelta(days=1)).astimezone(ZoneInfo("Asia/Tokyo")).isoformat())
    assert call(bot, "get", f"{BASE}/{copy['id']}").json() == copy
    erasure = opened(kind="erasure", scope={"categories": ["scrolling"]})
    assert call(bot, "get", f"{BASE}/{erasure['id']}").json() == erasure
    approved = call(other, "post", f"{BASE}/{erasure['id']}/approve").json()
    assert approved["state"] == "processing"
    assert call(bot, "get", f"{BASE}/{erasure['id']}").json() == approved


def test_what_waits_for_somebody_wakes_no_worker(call, bot, recorded, monkeypatch):
    woken = []
    monkeypatch.setattr(tasks, "_send", woken.append)
    copy = call(bot, "post", BASE, {"kind": "access", "subject": str(recorded.pk)}).json()
    call(bot, "post", BASE, {"kind": "erasure", "subject": str(recorded.pk)})
    assert woken == [copy["id"]]


def test_time_can_be_extended_once_with_a_reason(call, bot, other, recorded):
    found = call(bot, "post", BASE, {"kind": "erasure", "subject": str(recorded.pk)}).json()
    address = f"{BASE}/{found['id']}/extend"
    assert call(other, "post", address, {"reason": "holidays"}).status_code == 422
    assert call(bot, "post", address, {"reason": "complexity"}).status_code == 403
    extended = call(other, "post", address, {"reason": "complexity"}).json()
    assert extended["due"] > found["due"]
    assert call(other, "post", address, {"reason": "complexity"}).status_code == 409
    assert SubjectRequest.objects.get().first_due.isoformat() == found["due"][:10]


def test_who_opened_a_request_may_cancel_it(call, bot, opened):
    found = opened()
    assert call(bot, "post", f"{BASE}/{found['id']}/cancel").json()["state"] == "withdrawn"
    assert call(bot, "post", f"{BASE}/{found['id']}/cancel").status_code == 409


def test_a_copy_is_streamed_to_whom_it_was_made_for(call, bot, other, opened, recorded):
    found = opened()
    address = f"{BASE}/{found['id']}/bundle"
    assert call(bot, "get", address).status_code == 409
    carry_out(SubjectRequest.objects.get())
    assert call(other, "get", address).status_code == 404
    assert call(make_token("requests.read"), "get", address).status_code == 403
    answer = call(bot, "get", address)
    body = b"".join(answer.streaming_content)
    assert (answer.status_code, int(answer["Content-Length"])) == (200, len(body))
    assert "manifest.json" in zipfile.ZipFile(io.BytesIO(body)).namelist()
    looked = Act.objects.for_subject(recorded.pk).looks()
    assert sorted(looked.values_list("action", flat=True)) == ["access.refused", "bundle.downloaded"]
    Bundle.objects.update(expires_at=timezone.now())
    assert call(bot, "get", address).status_code == 410


def test_an_archive_that_is_gone_from_the_list_is_gone_at_the_address(call, bot, opened):
    found = opened(kind="erasure")
    assert call(bot, "get", f"{BASE}/{found['id']}/bundle").status_code == 404
    assert call(bot, "get", f"{BASE}/00000000-0000-4000-8000-000000000000/bundle").status_code == 404
    assert call(bot, "get", f"{BASE}/nonsense").status_code == 404


def test_lists_are_filtered_and_come_in_pages(call, bot, opened, ben):
    ids = [opened(note=str(number))["id"] for number in range(3)]
    opened(kind="erasure", subject=str(ben.pk))
    assert [each["id"] for each in call(bot, "get", f"{BASE}?kind=access").json()["items"]] == ids[::-1]
    assert len(call(bot, "get", f"{BASE}?state=in_review").json()["items"]) == 1
    assert call(bot, "get", f"{BASE}?due_before=2000-01-01").json() == {"items": [], "next": None}
    seen, cursor = [], ""
    while cursor is not None:
        page = call(bot, "get", f"{BASE}?limit=2&cursor={cursor}").json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["next"]
    assert len(seen) == len(set(seen)) == 4
    assert call(bot, "get", f"{BASE}?state=sleeping").status_code == 422
    assert call(bot, "get", f"{BASE}?cursor=!!").status_code == 422


def test_a_persons_token_sees_and_opens_only_their_own(call, bot, opened, recorded, ben):
    found = opened()
    token = make_token(ALL, employee=ben, name="bens device")
    assert call(token, "get", f"{BASE}/{found['id']}").status_code == 404
    assert call(token, "get", BASE).json()["items"] == []
    assert call(token, "post", BASE, {"kind": "access", "subject": str(recorded.pk)}).status_code == 404
    assert Act.objects.for_subject(recorded.pk).filter(action="access.refused").count() == 1
    assert call(token, "post", BASE, {"kind": "access", "subject": str(ben.pk)}).status_code == 201


def test_decisions_are_read_only_with_leave_and_each_read_is_shown(call, recorded, ben):
    address = f"/api/v1/subjects/{recorded.employee_number}/decisions"
    with_leave = make_token("consent.read", may_read_decisions=True)
    assert call(make_token("consent.read"), "get", address).status_code == 403
    assert call(with_leave, "get", f"{address}?purpose=curiosity").status_code == 403
    assert call(make_token("consent.read", employee=ben), "get", address).status_code == 404
    [decision] = call(with_leave, "get", address).json()["items"]
    assert set(decision) == {
        "purpose", "kind", "at", "notice_version", "notice_sha256", "path", "ledger_index",
    }  # fmt: skip
    assert (decision["purpose"], decision["kind"], decision["path"]) == ("train", "given", "/choices/")
    assert call(make_token("consent.read", employee=recorded), "get", address).status_code == 200
    looked = Act.objects.for_subject(recorded.pk).looks().values_list("action", flat=True)
    assert sorted(looked) == ["access.refused"] * 3 + ["decisions.read"] * 2
