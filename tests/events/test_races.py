"""Two at once: the same batch, a withdrawal and a batch, an erasure's fence and a batch."""

from __future__ import annotations

import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from consent import actions, gate
from portal.events import focus as focus_module
from portal.events import ingest, reading
from portal.events.models import BatchReceipt, Block
from tests.events.conftest import focus, key, move, now_ms
from tests.makers import make_batch, send

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def at_once(*calls):
    """Run each in a thread with connections of its own; return what they return."""
    start = threading.Barrier(len(calls))

    def run(call):
        try:
            start.wait()
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_the_same_batch_at_once_is_stored_once(token, ada):
    for _round in range(5):
        batch, body = uuid.uuid4(), json.dumps(make_batch(ada, [move()])).encode()
        answers = at_once(*[partial(send, Client(), token, body, batch) for _ in range(4)])
        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
        assert len({answer.content for answer in answers}) == 1
        assert BatchReceipt.objects.filter(batch=batch).count() == 1
    assert Block.objects.count() == 5


def test_other_bytes_at_once_under_one_id_are_stored_once(token, ada):
    batch = uuid.uuid4()
    bodies = [json.dumps(make_batch(ada, [move(x=n)])).encode() for n in range(3)]
    answers = at_once(*[lambda body=body: send(Client(), token, body, batch) for body in bodies])
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]


def test_after_a_withdrawals_commit_no_earlier_permission_stores(token, ada, monkeypatch):
    """The batch has read its permission, and sorted its events by it, when the withdrawal is committed."""
    real = ingest.sift
    event = key(key="a", app="editor")

    def then_withdraw(*args):
        sifted = real(*args)
        monkeypatch.setattr(ingest, "sift", real)
        actions.withdraw(subject_id=ada.pk, purpose_key="train", path="/")
        return sifted

    monkeypatch.setattr(ingest, "sift", then_withdraw)
    answer = send(Client(), token, make_batch(ada, [event, move(), focus("mail")]))
    assert (answer.status_code, answer.json()["stored"], answer.json()["stripped"]) == (201, 0, {})
    assert reading.stored_days(ada.pk) == []


def test_what_was_taken_off_is_asked_for_again_when_the_answer_changes(token, ada, monkeypatch):
    real = ingest.sift
    t = now_ms() // 1000 * 1000 + 1500

    def then_pause(*args):
        sifted = real(*args)
        monkeypatch.setattr(ingest, "sift", real)
        actions.pause(subject_id=ada.pk, until=timezone.now() + timedelta(hours=1))
        actions.resume(subject_id=ada.pk)
        return sifted

    monkeypatch.setattr(ingest, "sift", then_pause)
    answer = send(Client(), token, make_batch(ada, [key(t, key="a", app="chat")])).json()
    assert (answer["stored"], answer["stripped"]) == (1, {"keystroke_content": 1})


def test_a_withdrawal_waits_for_a_batch_that_is_being_written(token, ada, monkeypatch):
    reached, order, real = threading.Event(), [], focus_module.remember

    def slowly(*args):
        reached.set()
        time.sleep(0.3)
        order.append("stored")
        return real(*args)

    def withdraw():
        reached.wait(5)
        actions.withdraw(subject_id=ada.pk, purpose_key="train", path="/")
        order.append("withdrawn")

    monkeypatch.setattr(focus_module, "remember", slowly)
    at_once(lambda: send(Client(), token, make_batch(ada, [focus("mail")])), withdraw)
    assert order == ["stored", "withdrawn"]


def test_a_batch_waits_for_a_decision_that_is_being_made(token, ada):
    held = threading.Event()

    def decide():
        with transaction.atomic():
            gate.hold_exclusive(ada.pk)
            held.set()
            time.sleep(0.3)
            actions.withdraw(subject_id=ada.pk, purpose_key="train", path="/")

    def put():
        held.wait(5)
        return send(Client(), token, make_batch(ada, [move()])).json()["stored"]

    assert at_once(decide, put)[1] == 0


def test_batches_of_a_collector_at_once_all_know_what_was_in_front(token, ada):
    t = now_ms()
    send(Client(), token, make_batch(ada, [focus("mail", t)]))
    bodies = [make_batch(ada, [move(t + 10 * n), focus(f"app-{n}", t + 10 * n + 1)]) for n in range(1, 5)]
    at_once(*[lambda body=body: send(Client(), token, body) for body in bodies])
    send(Client(), token, make_batch(ada, [move(t + 10 * n + 2, x=n) for n in range(1, 5)]))
    rows = reading.page(ada.pk, reading.stored_days(ada.pk)[0]).rows
    late = [row for row in rows if row["type"] == "pointermove" and row["t"] % 10 == (t + 2) % 10]
    assert [row["in_app"] for row in late] == ["app-1", "app-2", "app-3", "app-4"]
