"""Webhooks: told in the transaction of what happened, signed, tried again for three days, in nobody else's way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
import time
from datetime import timedelta

import pytest
from allauth.idp.oidc.models import Client as Program
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.utils import timezone

from consent import actions as decisions
from portal.audit.models import Act
from portal.audit.values import Action
from portal.outbox import calling, signing, tasks, values, webhooks
from portal.outbox.models import Attempt, Delivery, Endpoint
from portal.outbox.values import MOST_TRIES, Course, Off, Told
from portal.people import programs
from portal.people.guards import actor_for
from portal.people.models import ApiClient
from portal.rights import actions, handling
from portal.rights.values import Kind
from tests.makers import SETTING_UP, make_employee, make_purpose, make_token
from tests.receivers import Authority, Receiver, silent

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
OPENED = ["request.opened"]


@pytest.fixture
def authority(tmp_path, settings):
    made = Authority(tmp_path / "ca")
    settings.EGRESS_CA_FILE = str(made.file)
    settings.EGRESS_INTERNAL_HOSTS = ["localhost"]
    settings.EGRESS_PORTS = []
    settings.WEBHOOK_TIMEOUT_SECONDS = 2
    return made


@pytest.fixture
def open_receiver(authority, settings):
    """Make receivers that may be called, and stop them at the end."""
    there = []

    def make(certificate=None):
        receiver = Receiver(certificate or authority.issue("localhost")).__enter__()
        there.append(receiver)
        settings.EGRESS_PORTS = [*settings.EGRESS_PORTS, receiver.port]
        return receiver

    yield make
    for receiver in there:
        receiver.__exit__()


@pytest.fixture
def receiver(open_receiver):
    return open_receiver()


def make_program(scopes="requests.read consent.read", may_read_decisions=False, name="hris") -> str:
    make_token(scopes, may_read_decisions=may_read_decisions, name=name)
    return Program.objects.get(name=name).pk


def make_endpoint(url, events=OPENED, client_id=None, **over) -> tuple[Endpoint, str]:
    client_id = client_id or make_program(**over)
    return webhooks.create(url=url, client_id=client_id, events=events, by=SETTING_UP)


def ask(ada, kind=Kind.ACCESS):
    return actions.open_request(kind=kind, subject_id=ada.pk, by=SETTING_UP)


def later(**by):
    """Let time pass: what would be due in that time is due now."""
    shift = timedelta(**by)
    for model, names in ((Delivery, ["wake_at", "lease_until"]), (Endpoint, ["rests_until", "earlier_until"])):
        for row in model.objects.all():
            for name in names:
                if (at := getattr(row, name)) is not None:
                    model.objects.filter(pk=row.pk).update(**{name: at - shift})


def valid(call, *secrets) -> bool:
    """Verify as a receiver does, with what stands in docs/automation.md in mind."""
    signed = f"{call.headers['webhook-id']}.{call.headers['webhook-timestamp']}.".encode() + call.body
    given = call.headers["webhook-signature"].split(" ")
    fresh = abs(time.time() - int(call.headers["webhook-timestamp"])) < 300
    keys = [base64.b64decode(secret.removeprefix("whsec_")) for secret in secrets]
    made = {"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode() for key in keys}
    return fresh and set(given) == made


# --- what is sent


def test_the_vector_that_all_implementations_share():
    secret, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}'
    made = signing.signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_request_that_is_opened_is_told_by_its_ids_alone_and_signed(receiver, ada):
    _, secret = make_endpoint(receiver.url)
    request = ask(ada)
    tasks.tell()
    (call,) = receiver.calls
    assert valid(call, secret)
    assert call.method == "POST"
    assert call.headers["content-type"] == "application/json"
    assert call.json["type"] == "request.opened"
    assert call.json["data"] == {"request": str(request.pk), "subject": str(ada.pk)}
    assert set(call.json) == {"type", "timestamp", "data"}
    assert abs(timezone.datetime.fromisoformat(call.json["timestamp"]) - timezone.now()) < timedelta(minutes=1)
    assert len(call.body) < 1000


def test_each_secret_is_its_own_and_lies_sealed(receiver):
    one, first = make_endpoint(receiver.url)
    other, second = make_endpoint(receiver.url, name="other")
    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"))) == 32
    for endpoint, secret in ((one, first), (other, second)):
        assert secret.removeprefix("whsec_") not in endpoint.sealed_secret


def test_what_is_rolled_back_was_never_told(receiver, ada):
    make_endpoint(receiver.url)
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        ask(ada)
        _ = 1 / 0
    tasks.tell()
    assert receiver.calls == []


def test_an_endpoint_hears_only_what_it_asked_for(receiver, ada):
    make_endpoint(receiver.url, ["request.ready"])
    ask(ada)
    tasks.tell()
    assert receiver.calls == []


def test_several_endpoints_share_the_id_of_what_happened(receiver, ada):
    make_endpoint(receiver.url)
    make_endpoint(receiver.url, name="other")
    ask(ada)
    tasks.tell()
    assert len(receiver.calls) == 2
    assert len({call.headers["webhook-id"] for call in receiver.calls}) == 1


def test_the_end_of_a_request_is_told_once(receiver, ada, hana, lea):
    """Two people refuse: until the second has signed there is no end."""
    make_endpoint(receiver.url, ["request.done"])
    request = actions.open_request(kind=Kind.RESTRICTION, subject_id=ada.pk, by=SETTING_UP, opened_by="client")
    handling.refuse(request=request, by=actor_for(hana), ground="excessive")
    tasks.tell()
    assert receiver.calls == []
    handling.refuse(request=request, by=actor_for(lea), ground="excessive")
    tasks.tell()
    assert [call.json["data"]["request"] for call in receiver.calls] == [str(request.pk)]


def test_a_request_that_is_taken_back_has_come_to_its_end(receiver, ada):
    make_endpoint(receiver.url, ["request.done"])
    request = ask(ada)
    handling.cancel(request=request, by=actor_for(ada))
    tasks.tell()
    assert len(receiver.calls) == 1


def test_what_was_joined_to_another_request_is_told_of_when_that_one_ends(receiver, ada):
    make_endpoint(receiver.url, ["request.opened", "request.done"])
    first, second = (
        actions.open_request(kind=Kind.RESTRICTION, subject_id=ada.pk, by=SETTING_UP, opened_by="client")
        for _ in range(2)
    )
    assert second.joined_to == first
    handling.approve(request=first, by=actor_for(make_employee("Hana", roles=["hr"])))
    tasks.tell()
    told = sorted((call.json["type"], call.json["data"]["request"]) for call in receiver.calls)
    both = [str(first.pk), str(second.pk)]
    assert told == sorted((kind, each) for kind in ("request.opened", "request.done") for each in both)


def test_who_was_kept_from_data_is_told_without_saying_whose(receiver, ada, ben, client):
    make_endpoint(receiver.url, ["access.refused"], scopes="requests.open")
    client.force_login(ben, "allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(f"/people/{ada.pk}/data/").status_code == 404
    tasks.tell()
    (call,) = receiver.calls
    act = Act.objects.get(action=Action.ACCESS_REFUSED)
    assert call.json["data"] == {"act": str(act.pk)}
    assert str(ada.pk).encode() not in call.body
    assert str(ben.pk).encode() not in call.body


# --- what says how a person answered


@pytest.fixture
def withdrawn(receiver, ada):
    make_purpose()
    decisions.give(subject_id=ada.pk, purpose_key="train", path="/choices/")

    def withdraw():
        return actions.withdraw(subject_id=ada.pk, purpose_key="train", by=actor_for(ada), path="/choices/")

    return withdraw


def test_a_withdrawal_is_told_to_a_program_that_may_read_answers_and_the_person_sees_that(receiver, ada, withdrawn):
    make_endpoint(receiver.url, ["consent.withdrawn"], may_read_decisions=True)
    recorded, _ = withdrawn()
    assert not Act.objects.filter(action=Action.DECISION_TOLD).exists()
    tasks.tell()
    (call,) = receiver.calls
    assert call.json["data"] == {"subject": str(ada.pk), "purpose": "train", "ledger_index": recorded.index}
    (act,) = Act.objects.filter(action=Action.DECISION_TOLD, subject_id=ada.pk)
    assert (act.actor_kind, act.actor_label, act.purpose) == ("client", "hris", "train")
    assert act.leaf_idx is not None
    assert act in Act.objects.looks()


def test_without_the_right_to_read_answers_no_endpoint_hears_of_withdrawals(receiver):
    for over in ({}, {"scopes": "requests.read", "may_read_decisions": True, "name": "other"}):
        with pytest.raises(webhooks.NotPossible):
            make_endpoint(receiver.url, ["consent.withdrawn"], **over)
    assert not Endpoint.objects.exists()


def test_a_right_that_was_taken_away_is_gone_before_the_next_call(receiver, ada, withdrawn):
    endpoint, _ = make_endpoint(receiver.url, ["consent.withdrawn"], may_read_decisions=True)
    withdrawn()
    ApiClient.objects.update(may_read_decisions=False)
    tasks.tell()
    assert receiver.connections == 0
    endpoint.refresh_from_db()
    assert endpoint.off == Off.CLIENT
    assert not Act.objects.filter(action=Action.DECISION_TOLD).exists()


def test_the_endpoints_of_a_program_that_has_ended_are_told_nothing(receiver, ada):
    endpoint, _ = make_endpoint(receiver.url)
    ask(ada)
    programs.end_client(client_id=endpoint.client_id, by=SETTING_UP)
    tasks.tell()
    assert receiver.connections == 0
    endpoint.refresh_from_db()
    assert endpoint.off == Off.CLIENT
    with pytest.raises(webhooks.NotPossible):
        webhooks.enable(endpoint=endpoint, by=SETTING_UP)


# --- faults of the receiver


def states():
    return [each.state for each in Delivery.objects.all()]


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 429, 500, 503])
def test_whatever_is_no_success_is_tried_again_with_the_same_id_and_body(status, receiver, ada):
    make_endpoint(receiver.url)
    ask(ada)
    receiver.answer = (status, {"Location": receiver.url} if 300 <= status < 400 else {}, b"")
    tasks.tell()
    tasks.tell()
    assert (len(receiver.calls), states()) == (1, [Course.WAITING])
    receiver.answer = (204, {}, b"")
    later(seconds=6)
    tasks.tell()
    first, second = receiver.calls
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert states() == [Course.SENT]
    assert sorted(Attempt.objects.values_list("status", flat=True)) == sorted([status, 204])


def test_the_schedule_is_ten_tries_over_75_hours():
    waits = [values.next_try(tries, 0) for tries in range(1, MOST_TRIES + 1)]
    assert waits[-1] is None
    seconds = [each.total_seconds() for each in waits[:-1]]
    assert seconds == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert sum(seconds) / 3600 == pytest.approx(75.6, abs=0.1)
    assert values.next_try(1, 1) > values.next_try(1, 0)


def test_after_the_last_try_it_is_given_up_and_the_operators_are_written_to(receiver, ada):
    operator = make_employee("Otto", roles=["operator"])
    endpoint, _ = make_endpoint(receiver.url)
    ask(ada)
    receiver.answer = (500, {}, b"")
    for _ in range(MOST_TRIES + 3):
        tasks.tell()
        later(hours=27)
    assert (len(receiver.calls), states()) == (MOST_TRIES, [Course.FAILED])
    endpoint.refresh_from_db()
    assert endpoint.off == Off.FAILING
    tasks.sweep()
    (sent,) = mail.outbox
    assert sent.to == [operator.email]
    assert f"/endpoints/{endpoint.pk}/" in sent.body
    assert receiver.url not in sent.body


def test_one_thing_that_is_never_taken_does_not_switch_off_who_takes_the_rest(receiver, ada):
    endpoint, _ = make_endpoint(receiver.url)
    bad = ask(ada)
    receiver.answer = lambda call: (500 if str(bad.pk) in call.body.decode() else 200, {}, b"")
    for turn in range(MOST_TRIES):
        tasks.tell()
        later(hours=27)
        if turn == 4:
            ask(make_employee("Another"))
    tasks.tell()
    endpoint.refresh_from_db()
    assert endpoint.off == ""
    assert sorted(states()) == [Course.FAILED, Course.SENT]


def test_410_switches_the_endpoint_off_at_once(receiver, ada):
    endpoint, _ = make_endpoint(receiver.url)
    ask(ada)
    receiver.answer = (410, {}, b"")
    tasks.tell()
    endpoint.refresh_from_db()
    assert (endpoint.off, states()) == (Off.GONE, [Course.FAILED])
    ask(make_employee("Another"))
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize("fault", ["hangs", "slow_head", "silent", "tls", "away", "forbidden"])
def test_who_gives_no_answer_delays_nobody_else(fault, receiver, open_receiver, authority, settings, tmp_path, ada):
    settings.WEBHOOK_TIMEOUT_SECONDS = 1
    broken = open_receiver(Authority(tmp_path / "no").issue("localhost") if fault == "tls" else None)
    url, listener = broken.url, silent()
    if fault == "silent":
        url = f"https://localhost:{listener.getsockname()[1]}/"
        settings.EGRESS_PORTS = [*settings.EGRESS_PORTS, listener.getsockname()[1]]
    broken.hangs, broken.slow_head = (5 if fault == "hangs" else 0), (0.05 if fault == "slow_head" else 0)
    make_endpoint(url, name="broken")
    if fault == "away":
        broken.__exit__()
    if fault == "forbidden":
        settings.EGRESS_PORTS = [receiver.port]
    make_endpoint(receiver.url, name="fine")
    for name in ("One", "Two", "Three"):
        ask(make_employee(name))
    began = time.monotonic()
    tasks.tell()
    assert time.monotonic() - began < 3
    assert len(receiver.calls) == 3
    (attempt,) = Attempt.objects.filter(status=None)
    expected = {"hangs": "timeout", "slow_head": "timeout", "silent": "timeout", "tls": "tls"}
    assert attempt.reason == expected.get(fault, {"away": "connection", "forbidden": "url.port"}.get(fault))
    assert sorted(states()) == [Course.SENT] * 3 + [Course.WAITING] * 3
    listener.close()


def test_who_is_slow_to_say_more_than_the_status_is_not_waited_for(receiver, ada):
    make_endpoint(receiver.url)
    ask(ada)
    receiver.answer, receiver.dribbles = (200, {}, b"a" * 1000), 0.05
    began = time.monotonic()
    tasks.tell()
    assert states() == [Course.SENT]
    assert time.monotonic() - began < 2


def test_an_endpoint_that_gives_no_answer_is_left_alone_longer_each_time():
    assert [values.rest_after(n).total_seconds() for n in (1, 2, 3, 9, 50)] == [5, 10, 20, 300, 300]


def test_a_worker_that_died_over_a_call_loses_nothing(receiver, ada):
    make_endpoint(receiver.url)
    ask(ada)
    delivery = Delivery.objects.get()
    assert Delivery.objects.claim(delivery)
    tasks.tell()
    assert receiver.calls == []
    later(minutes=2)
    tasks.tell()
    assert states() == [Course.SENT]
    assert sorted(Attempt.objects.values_list("reason", flat=True)) == ["", "lost"]


def test_a_worker_that_was_too_slow_writes_nothing(receiver, ada):
    make_endpoint(receiver.url)
    ask(ada)
    stale = Delivery.objects.get()
    Delivery.objects.claim(stale)
    stale.refresh_from_db()
    later(minutes=2)
    tasks.tell()
    assert calling.record(stale, calling.Outcome(500, "", 1)) is False
    assert states() == [Course.SENT]


def test_two_workers_at_once_call_once(receiver, ada):
    make_endpoint(receiver.url)
    for name in ("One", "Two", "Three", "Four"):
        ask(make_employee(name))

    def work():
        tasks.tell()
        connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    tasks.tell()
    assert len(receiver.calls) == len({call.json["data"]["request"] for call in receiver.calls}) == 4


# --- what operators do


def run(capsys, *words):
    call_command("webhook", *map(str, words))
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_command_makes_lists_and_switches_off(receiver, ada, capsys):
    client_id = make_program()
    (made,) = run(capsys, "create", receiver.url, "--client", client_id, "--events", "request.opened request.done")
    (listed,) = run(capsys, "list")
    assert (listed["id"], listed["events"], listed["state"]) == (made["id"], ["request.done", "request.opened"], "on")
    assert "secret" not in listed
    run(capsys, "disable", made["id"])
    ask(ada)
    assert run(capsys, "list")[0]["state"] == "operator"
    assert not Delivery.objects.exists()
    assert Act.objects.get(action=Action.WEBHOOK_CREATED).facts["client"] == client_id
    run(capsys, "enable", made["id"])
    assert run(capsys, "list")[0]["state"] == "on"


@pytest.mark.parametrize(
    "words",
    [
        ["http://hooks.example.org/"],
        ["https://127.0.0.1/"],
        ["https://localhost:22/"],
        ["https://user:pw@hooks.example.org/"],
        ["nonsense"],
    ],
)
def test_an_address_that_we_never_call_is_not_kept(words, settings):
    settings.EGRESS_INTERNAL_HOSTS = []
    with pytest.raises(CommandError):
        call_command("webhook", "create", *words, "--client", make_program(), "--events", "request.opened")
    assert not Endpoint.objects.exists()


@pytest.mark.parametrize(
    "over",
    [
        {"client": "nobody"},
        {"events": "request.closed"},
        {"events": ""},
        {"events": "release.changed"},
        {"events": "consent.withdrawn"},
    ],
)
def test_who_may_not_hear_it_gets_no_endpoint(over, receiver):
    given = {"client": make_program(), "events": "request.opened"} | over
    with pytest.raises(CommandError):
        call_command("webhook", "create", receiver.url, "--client", given["client"], "--events", given["events"])


def test_while_a_secret_is_changed_both_sign_and_afterwards_the_new_one_alone(receiver, ada, capsys):
    endpoint, before = make_endpoint(receiver.url)
    (made,) = run(capsys, "rotate", endpoint.pk, "--overlap", "2")
    ask(ada)
    tasks.tell()
    assert valid(receiver.calls[0], made["secret"], before)
    later(hours=3)
    ask(make_employee("Another"))
    tasks.tell()
    assert valid(receiver.calls[1], made["secret"])
    assert not valid(receiver.calls[1], before)


def test_what_was_given_up_can_be_told_once_more_under_its_id(receiver, ada, capsys):
    endpoint, _ = make_endpoint(receiver.url)
    ask(ada)
    receiver.answer = (410, {}, b"")
    tasks.tell()
    assert run(capsys, "replay", endpoint.pk) == [{"replayed": 0}]
    webhooks.enable(endpoint=endpoint, by=SETTING_UP)
    receiver.answer = (200, {}, b"")
    assert run(capsys, "replay", endpoint.pk) == [{"replayed": 1}]
    tasks.tell()
    assert states() == [Course.SENT]
    one, two = receiver.calls
    assert one.headers["webhook-id"] == two.headers["webhook-id"]
    delivery = Delivery.objects.get()
    assert run(capsys, "replay", endpoint.pk, "--delivery", delivery.pk) == [{"replayed": 1}]
    tasks.tell()
    assert len(receiver.calls) == 3


def test_what_was_told_is_forgotten_after_31_days(receiver, ada):
    make_endpoint(receiver.url)
    ask(ada)
    tasks.tell()
    Delivery.objects.update(told_at=timezone.now() - timedelta(days=30))
    tasks.forget()
    assert Delivery.objects.exists()
    Delivery.objects.update(told_at=timezone.now() - timedelta(days=32))
    tasks.forget()
    assert not Attempt.objects.exists()


def test_every_event_that_can_be_told_names_what_a_program_must_be_allowed_to_read():
    assert set(values.NEEDS) == set(Told)
