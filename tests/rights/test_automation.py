"""A program does a person's requests from end to end: what docs/automation.md says, against the running API."""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client

from portal.audit.models import Act
from portal.outbox import tasks as outbox
from portal.outbox.values import Told
from portal.people.tokens import SCOPES
from portal.rights import actions
from portal.rights.models import SubjectRequest
from portal.rights.values import Kind
from tests.outbox.test_webhooks import authority, open_receiver, receiver  # noqa: F401
from tests.rights.conftest import carry_out, person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "automation.md").read_text()
BASE = "/api/v1/subject-requests"
VECTOR = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
SECRET, BODY, AT = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}', 1614265331


@pytest.fixture
def verify():
    """The function that the guide shows, as it stands there."""
    (code,) = re.findall(r"```python\n(.*?)```", GUIDE, re.S)
    names: dict = {}
    exec(code, names)
    return names["verify"]


class Caller:
    """A program with its own client, made by the command and signed in over HTTP."""

    def __init__(self, capsys, name, *more):
        scopes = "requests.open requests.read requests.handle bundles.read consent.read"
        call_command("api_client", "create", name, "--scopes", scopes, *more)
        made = json.loads(capsys.readouterr().out)
        self.client_id, self.http = made["client_id"], Client()
        address = self.http.get("/.well-known/openid-configuration").json()["token_endpoint"]
        form = {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": made["client_secret"]}
        self.token = self.http.post(address.split("localhost:8000")[-1].split("testserver")[-1], form).json()[
            "access_token"
        ]

    def call(self, method, path, body=None, **headers):
        raw = json.dumps(body) if body is not None else ""
        headers = {"authorization": f"Bearer {self.token}", **headers}
        return self.http.generic(method, f"{BASE}{path}", raw, content_type="application/json", headers=headers)


def test_the_function_of_the_guide_takes_the_vector_that_all_implementations_share(verify):
    assert verify(SECRET, VECTOR, BODY, now=AT) == {"test": 2432232314}
    several = VECTOR | {"webhook-signature": f"v1,AAAA {VECTOR['webhook-signature']} v1a,x"}
    assert verify(SECRET, several, BODY, now=AT)


@pytest.mark.parametrize(
    "over",
    [
        {"webhook-signature": "garbage"},
        {"webhook-signature": "v1,a,b"},
        {"webhook-signature": "v1,é"},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,"},
        {"webhook-id": "msg_other"},
        {"webhook-timestamp": "1614265329"},
        {"webhook-timestamp": "1614265330.0"},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "9" * 400},
        {"webhook-timestamp": "9" * 5000},
    ],
)
def test_the_function_of_the_guide_refuses_whatever_was_changed(over, verify):
    with pytest.raises(ValueError):
        verify(SECRET, VECTOR | over, BODY, now=AT)


def test_the_function_of_the_guide_refuses_other_bytes_an_old_call_and_missing_headers(verify):
    for name in VECTOR:
        with pytest.raises(ValueError):
            verify(SECRET, {each: text for each, text in VECTOR.items() if each != name}, BODY, now=AT)
    for body, now in ((BODY + b" ", AT), (BODY, AT + 301), (BODY, AT - 302)):
        with pytest.raises(ValueError):
            verify(SECRET, VECTOR, body, now=now)


@pytest.fixture
def tickets(capsys, receiver):  # noqa: F811
    """A ticket system that is told of requests; `secret` is its endpoint's."""
    made = Caller(capsys, "Tickets")
    events = "request.opened request.ready request.done"
    call_command("webhook", "create", receiver.url, "--client", made.client_id, "--events", events)
    made.secret = json.loads(capsys.readouterr().out)["secret"]
    return made


@pytest.fixture
def told(receiver, tickets, verify):  # noqa: F811
    """Return what the ticket system was told by now, each verified as the guide says."""

    def told():
        outbox.tell()
        said = [verify(tickets.secret, call.headers, call.body) for call in receiver.calls]
        return [(each["type"], each["data"]["request"]) for each in said]

    return told


ASKED = {"received_at": "2026-11-20T09:30:00+01:00", "channel": "letter"}


def test_a_copy_from_end_to_end(tickets, told, recorded, capsys):
    """A ticket system asks twice with one key, waits until it is told, and fetches what it asked for."""
    other, key = Caller(capsys, "Other"), {"Idempotency-Key": "ticket-1"}
    asked = {"kind": "access", "format": "jsonl", "subject": recorded.employee_number, **ASKED}
    answers = [tickets.call("POST", "", asked, **key) for _ in range(2)]
    assert [each.status_code for each in answers] == [201, 200]
    (copy,) = {each.json()["id"] for each in answers}
    assert tickets.call("GET", f"/{copy}/bundle").status_code == 409
    assert told() == [("request.opened", copy)]
    carry_out(SubjectRequest.objects.get(pk=copy))
    assert told()[1:] == [("request.ready", copy)]
    assert other.call("GET", f"/{copy}/bundle").status_code == 404
    fetched = tickets.call("GET", f"/{copy}/bundle")
    with zipfile.ZipFile(io.BytesIO(b"".join(fetched.streaming_content))) as archive:
        assert archive.testzip() is None
        assert "manifest.json" in archive.namelist()
    assert told()[2:] == [("request.done", copy)]
    (act,) = Act.objects.for_subject(recorded.pk).filter(action="bundle.downloaded")
    assert act.actor_label == "Tickets"


def test_an_erasure_from_end_to_end(tickets, told, recorded, soon, capsys):
    """A ticket system asks, another program approves, and the certificate is read once the end is told."""
    second = Caller(capsys, "Approvals")
    asked = {"kind": "erasure", "ground": "no_longer_necessary", "subject": str(recorded.pk), **ASKED}
    erasure = tickets.call("POST", "", asked).json()
    assert erasure["state"] == "in_review"
    where = f"/{erasure['id']}"
    assert tickets.call("POST", f"{where}/approve").status_code == 403
    assert second.call("POST", f"{where}/approve").json()["state"] == "processing"
    assert told() == [("request.opened", erasure["id"])]
    carry_out(SubjectRequest.objects.get(pk=erasure["id"]))
    assert told()[1:] == [("request.done", erasure["id"])]
    done = tickets.call("GET", where).json()
    assert (done["state"], done["progress"]["done"]) == ("delivered", done["progress"]["total"])
    assert done["certificate"]
    steps = tickets.call("GET", f"{where}/steps").json()["items"]
    assert {each["state"] for each in steps} == {"done"}


def test_a_withdrawal_reaches_the_program_that_must_stop(receiver, recorded, capsys, verify):  # noqa: F811
    warehouse = Caller(capsys, "Warehouse", "--may-read-decisions")
    call_command("webhook", "create", receiver.url, "--client", warehouse.client_id, "--events", "consent.withdrawn")
    secret = json.loads(capsys.readouterr().out)["secret"]
    actions.withdraw(subject_id=recorded.pk, purpose_key="train", by=person(recorded), path="/choices/")
    outbox.tell()
    (call,) = receiver.calls
    data = verify(secret, call.headers, call.body)["data"]
    headers = {"authorization": f"Bearer {warehouse.token}"}
    read = warehouse.http.get(f"/api/v1/subjects/{data['subject']}/decisions", headers=headers).json()["items"]
    assert {"purpose": data["purpose"], "kind": "withdrawn"}.items() <= read[-1].items()
    assert read[-1]["ledger_index"] == data["ledger_index"]
    assert [act.actor_label for act in Act.objects.for_subject(recorded.pk).looks()] == ["Warehouse", "Warehouse"]


def test_whatever_the_guide_names_is_there():
    assert set(
        re.findall(r"`((?:requests|bundles|consent|events|releases)\.(?:open|read|handle|write))`", GUIDE)
    ) <= set(SCOPES)
    assert set(re.findall(r"`((?:request|consent|release|access)\.[a-z]+)`", GUIDE)) - set(SCOPES) == set(Told.values)
    assert all(f"`{kind}`" in GUIDE for kind in Kind.values)
