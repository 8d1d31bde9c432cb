"""A request covers a system that speaks OpenDSR: asked once, done only when it says so and proves who it is."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent.values import Scope
from portal.people.guards import actor_for
from portal.rights import actions, handling, runner
from portal.rights.connectors import actions as connectors
from portal.rights.connectors import asking
from portal.rights.connectors.models import StoreTask
from portal.rights.connectors.steps import covered
from portal.rights.holds import actions as holds
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind
from tests.connectors.conftest import go_on, make_store
from tests.makers import make_token
from tests.receivers import Receiver
from tests.rights.conftest import ask, person, unzip

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def test_an_erasure_ends_once_the_other_system_says_so_and_its_certificate_names_it(recorded, crm):
    done = go_on(ask(recorded, Kind.ERASURE))
    assert (done.state, done.reason) == ("delivered", "")
    assert crm.done == ["erasure"]
    (said,) = done.certificate["certificate"]["connected"]
    assert (said["store"], said["answer"]) == ("crm", "done")
    assert said["asked"] <= said["answered"]
    (sent,) = crm.asked.values()
    hashed = hashlib.sha256(recorded.email.lower().encode()).hexdigest()
    assert sent["subject_identities"] == [
        {"identity_type": "email", "identity_format": "sha256", "identity_value": hashed}
    ]
    assert all(call.headers["authorization"] == "Bearer the token of the CRM" for call in crm.calls("POST"))


def test_what_it_found_is_in_the_copy_with_who_answered_when(recorded, crm):
    crm.finds()
    done = go_on(ask(recorded))
    assert (done.state, done.reason) == ("ready", "")
    files = unzip(done)
    assert json.loads(files["connected/crm/results.json"]) == [{"call": 1}, {"call": 2}]
    (said,) = json.loads(files["connected/answers.json"])["systems"]
    assert (said["title"], said["answer"]) == ("CRM", "done")


def test_a_system_that_had_nothing_counts_as_having_answered(recorded, crm):
    crm.spoil = lambda call, status, said: (status, said | {"results_count": 0} if "request_status" in said else said)
    assert go_on(ask(recorded)).state == "ready"
    assert StoreTask.objects.get().state == "nothing"


@pytest.mark.parametrize("status", ["pending", "in_progress", "in-progress"])
def test_nothing_is_done_while_it_is_not_done_there(recorded, crm, status):
    crm.settles = status
    request = go_on(ask(recorded, Kind.ERASURE))
    assert request.state == "processing" and not request.has_certificate
    assert request.current_step.name == "await_stores"
    crm.settles = "completed"
    assert go_on(request).state == "delivered"
    assert crm.done == ["erasure"]


def raw(status, body, **headers):
    return None, (status, {"Content-Type": "application/json", **headers}, body)


BAD = {
    "a server error": lambda crm, said: raw(500, b"{}"),
    "no permission": lambda crm, said: raw(403, b"{}"),
    "a redirect": lambda crm, said: raw(302, b"", Location="https://localhost/other"),
    "garbage": lambda crm, said: raw(200, b"<html>", **crm.headers(b"<html>")),
    "no signature": lambda crm, said: raw(200, json.dumps(said).encode()),
    "another's signature": lambda crm, said: raw(200, json.dumps(said).encode(), **crm.headers(b"{}")),
    "another request": lambda crm, said: (200, said | {"subject_request_id": "a7551968-d5d6-44b2-9831-815ac9017798"}),
    "an unknown status": lambda crm, said: (200, said | {"request_status": "finished"}),
    "no status": lambda crm, said: (200, {"subject_request_id": said.get("subject_request_id")}),
    "a list": lambda crm, said: raw(200, b"[]", **crm.headers(b"[]")),
}


@pytest.mark.parametrize("way", BAD)
def test_whatever_is_no_answer_counts_as_not_done_and_somebody_is_told_which_system(recorded, crm, settings, way):
    settings.STORE_TRIES = 2
    good = crm.spoil
    crm.spoil = lambda call, status, said: BAD[way](crm, said) if "request_status" in said else (status, said)
    request = go_on(ask(recorded, Kind.ERASURE))
    assert request.state == "needs_attention" and not request.has_certificate
    assert request.reason.startswith("CRM did not answer. ")
    assert StoreTask.objects.get().state == "failed"
    crm.spoil = good
    _let_go_on(request)
    assert go_on(request).state == "delivered"
    assert crm.done == ["erasure"]


def _let_go_on(request):
    SubjectRequest.objects.filter(pk=request.pk).update(state="processing", failures=0)


@pytest.mark.parametrize("way", ["a server error", "garbage", "no signature", "another's signature", "another request"])
def test_a_lost_or_spoilt_answer_to_the_asking_is_asked_for_again_under_the_same_number(recorded, crm, way):
    def spoil(call, status, said):
        return BAD[way](crm, said) if status == 201 else (status, said)

    crm.spoil = spoil
    assert go_on(ask(recorded, Kind.ERASURE)).state == "delivered"
    assert crm.done == ["erasure"] and len(crm.calls("POST")) == 1


def test_a_worker_that_died_between_sending_and_recording_does_it_once(recorded, crm, monkeypatch):
    real, died = asking._record, []

    def dies(request, task, outcome):
        if died:
            return real(request, task, outcome)
        died.append(task.pk)
        raise SystemExit

    monkeypatch.setattr(asking, "_record", dies)
    request = ask(recorded, Kind.ERASURE)
    with pytest.raises(SystemExit):
        go_on(request)
    SubjectRequest.objects.update(lease_until=None)
    assert StoreTask.objects.get().state == "unknown"
    assert go_on(request).state == "delivered"
    assert died and crm.done == ["erasure"] and len(crm.calls("POST")) == 1


@pytest.mark.parametrize("way", ["down", "slow", "wrong certificate", "wrong name"])
def test_a_system_that_cannot_be_reached_does_not_keep_ours_from_being_deleted(
    recorded, crm, settings, issuer, tmp_path, way
):
    settings.STORE_TRIES = 1
    if way == "down":
        settings.EGRESS_PORTS = [1]
        crm.store.how["url"] = "https://localhost:1/v2"
    if way == "slow":
        settings.REQUEST_LEASE_SECONDS, crm.receiver.hangs = 1, 2
    if way == "wrong certificate":
        settings.EGRESS_CA_FILE = str(type(issuer)(tmp_path / "other", "somebody else").file)
    if way == "wrong name":
        crm.store.how["domain"] = "crm.example.org"
    crm.store.save()
    request = go_on(ask(recorded, Kind.ERASURE))
    assert request.state == "needs_attention" and "CRM" in request.reason
    assert request.steps.get(name="destroy_old_key").state == "done"
    # By another name it proves nothing, whatever it did.
    assert crm.done == (["erasure"] if way == "wrong name" else [])


def test_a_token_that_is_not_set_is_said_by_its_name_and_never_by_its_value(recorded, crm, settings, monkeypatch):
    settings.STORE_TRIES = 1
    monkeypatch.delenv("STORE_CRM_TOKEN")
    assert "STORE_CRM_TOKEN is not set" in go_on(ask(recorded)).reason


def test_the_token_goes_to_no_other_address_that_the_system_names(recorded, crm, issuer, settings):
    with Receiver(issuer.issue("localhost")) as other:
        settings.EGRESS_PORTS = [*settings.EGRESS_PORTS, other.port]
        other.answer = (200, {"Content-Type": "application/zip"}, b"PK")

        def spoil(call, status, said):
            return status, said | {"results_url": other.url} if "request_status" in said else said

        crm.spoil = spoil
        assert go_on(ask(recorded)).state == "ready"
    assert [call.headers.get("authorization") for call in other.calls] == [None]


@pytest.mark.parametrize("where", ["https://127.0.0.1:{port}/", "https://localhost:99999/", "https://[/"])
def test_what_it_names_leads_to_no_other_system_inside_and_spoils_nothing(recorded, crm, issuer, settings, where):
    settings.STORE_TRIES = 1
    settings.EGRESS_INTERNAL_HOSTS = ["localhost", "127.0.0.1"]
    with Receiver(issuer.issue("127.0.0.1")) as inner:
        settings.EGRESS_PORTS = [*settings.EGRESS_PORTS, inner.port]
        inner.answer = (200, {"Content-Type": "application/json"}, b"what others must not read")
        named = {"results_url": where.format(port=inner.port)}
        crm.spoil = lambda call, status, said: (status, said | named if "request_status" in said else said)
        request = go_on(ask(recorded))
    assert inner.calls == []
    assert request.state == "needs_attention" and "not one that is called" in request.reason


def test_what_it_cancelled_is_asked_again_under_another_number_once_somebody_let_it_go_on(recorded, crm):
    crm.settles = "cancelled"
    request = go_on(ask(recorded, Kind.ERASURE))
    assert request.state == "needs_attention" and "cancelled" in request.reason
    crm.settles = "completed"
    _let_go_on(request)
    assert go_on(request).state == "delivered"
    assert len(crm.asked) == 2


def test_a_request_that_is_taken_back_is_taken_back_there(recorded, crm):
    crm.settles = "pending"
    request = go_on(ask(recorded), until=lambda: StoreTask.objects.filter(state="sent").exists())
    handling.cancel(request=request, by=person(recorded))
    StoreTask.objects.update(wake_at=None)
    assert connectors.take_back_all() == 1
    assert [each.get("cancelled") for each in crm.asked.values()] == [True]
    assert StoreTask.objects.get().state == "cancelled"
    assert connectors.take_back_all() == 0


def test_what_was_not_asked_yet_is_never_asked_after_it_was_taken_back(recorded, crm):
    request = ask(recorded)
    runner.advance(request.pk)
    runner.advance(request.pk)
    handling.cancel(request=request, by=person(recorded))
    connectors.take_back_all()
    assert (crm.asked, StoreTask.objects.get().state) == ({}, "cancelled")


def test_a_hold_stops_a_deletion_before_another_system_is_told(hana, lea, recorded, crm):
    request = go_on(ask(recorded, Kind.ERASURE), until=StoreTask.objects.exists)
    holds.place(
        subject_id=recorded.pk,
        scope=Scope(),
        by=actor_for(lea),
        ground="legal_claims",
        legal_basis="GDPR Art. 17(3)(e)",
        reason="A claim about March.",
        until=timezone.now() + timedelta(days=90),
    )
    assert go_on(request).state == "on_hold"
    assert (crm.done, StoreTask.objects.get().state) == ([], "waiting")


def test_an_account_goes_only_once_the_other_system_has_answered(recorded, crm):
    crm.settles = "in_progress"
    type(recorded).objects.filter(pk=recorded.pk).update(is_active=False)
    request = go_on(ask(recorded, Kind.ERASURE, account=True), rounds=60)
    assert (request.state, request.current_step.name) == ("processing", "await_stores")
    assert not request.steps.filter(name="forget", state="done").exists()
    crm.settles = "completed"
    assert go_on(request, rounds=150).state == "delivered", (request.current_step, request.reason)
    assert crm.done == ["erasure"]


SCOPED = [({"categories": ["scrolling"]}, []), ({"purposes": ["train"]}, ["mine"]), ({}, ["crm", "mine", "other"])]


@pytest.mark.parametrize(("scope", "asked"), SCOPED)
def test_only_systems_that_can_answer_as_narrowly_are_asked(ada, scope, asked):
    make_store("manual", {}, "crm")
    make_store("manual", {}, "mine", purposes=["train"])
    make_store("manual", {}, "other", purposes=["train", "support"])
    make_store("manual", {}, "copies", asked_for=["access"])
    request = SubjectRequest(kind=Kind.ERASURE, subject_id=ada.pk, scope=scope)
    assert [store.key for store in covered(request)] == asked


def test_where_no_system_is_declared_it_costs_one_query_and_no_step(recorded, soon):
    request = ask(recorded)
    assert not {"ask_stores", "await_stores"} & set(request.steps.values_list("name", flat=True))
    with CaptureQueriesContext(connection) as queries:
        covered(request)
    assert len(queries) == 1


def test_a_copy_that_begins_again_after_a_deletion_asks_again(recorded, crm):
    crm.finds()
    crm.settles = "in_progress"
    copy = go_on(ask(recorded), until=lambda: StoreTask.objects.filter(fetched=True).exists())
    crm.settles = "completed"
    erased = actions.open_request(kind=Kind.ERASURE, subject_id=recorded.pk, by=person(recorded))
    assert go_on(erased).state == "delivered"
    done = go_on(copy)
    assert done.state == "ready" and "connected/crm/results.json" in unzip(done)
    assert sorted(each["subject_request_type"] for each in crm.asked.values()) == ["access", "access", "erasure"]


def call_back(client, crm, number, body, **spoilt):
    headers = crm.headers(body) | spoilt
    return client.post(f"/opendsr/v2/callbacks/{number}", body, content_type="application/json", headers=headers)


def test_a_signed_callback_wakes_the_request_and_an_unsigned_one_does_nothing(recorded, crm, client):
    crm.settles = "in_progress"
    request = go_on(ask(recorded, Kind.ERASURE), until=lambda: StoreTask.objects.filter(state="sent").exists())
    go_on(request)
    crm.settles = "completed"
    number = str(StoreTask.objects.get().number)
    body = json.dumps({"subject_request_id": number, "request_status": "completed"}).encode()
    StoreTask.objects.update(wake_at="2099-01-01T00:00:00Z")
    assert call_back(client, crm, number, body, **{"X-OpenDSR-Signature": "AAAA"}).status_code == 403
    assert call_back(client, crm, number, body, **{"X-OpenDSR-Processor-Domain": "x.org"}).status_code == 403
    assert call_back(client, crm, number, b"{}").status_code == 400
    assert call_back(client, crm, request.pk, body).status_code == 404
    assert StoreTask.objects.get().wake_at is not None
    assert call_back(client, crm, number, body).status_code == 202
    assert (StoreTask.objects.get().wake_at, SubjectRequest.objects.get().wake_at) == (None, None)
    assert StoreTask.objects.get().state == "sent"
    assert go_on(request).state == "delivered"


def test_our_own_portal_answers_our_own_asking(recorded, crm, settings, issuer, monkeypatch):
    """Both sides are ours: what one sends, the other takes, and both check what the other signed."""
    certificate, key = issuer.issue("localhost")
    settings.OPENDSR_CERTIFICATE_FILE, settings.OPENDSR_KEY_FILE = str(certificate), str(key)
    settings.OPENDSR_DOMAIN, settings.ORIGIN = "localhost", crm.url.removesuffix("/v2")
    monkeypatch.setenv("STORE_CRM_TOKEN", make_token("requests.open requests.read bundles.read"))
    crm.store.how["url"] = crm.url.replace("/v2", "/opendsr/v2")
    crm.store.save()

    def forward(call):
        headers = {"authorization": call.headers.get("authorization", "")}
        got = Client().generic(call.method, call.path, call.body, content_type="application/json", headers=headers)
        content = b"".join(got.streaming_content) if got.streaming else got.content
        connections.close_all()
        return got.status_code, {name: value for name, value in got.items() if name != "Content-Length"}, content

    crm.receiver.answer = forward
    mine = go_on(ask(recorded), until=lambda: StoreTask.objects.filter(state="sent").exists())
    theirs = SubjectRequest.objects.get(opened_by="client")
    theirs.store_tasks.all().delete()
    theirs.steps.filter(name__in=["ask_stores", "await_stores"]).delete()
    assert go_on(theirs).state == "ready"
    assert go_on(mine).state == "ready"
    assert unzip(mine)["connected/crm/results.zip"][:2] == b"PK"
