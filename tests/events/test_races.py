"""Two at once: the same batch, a withdrawal and a batch, an erasure's fence and a batch."""

from __future__ import annotations

import json
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.db import connections, transaction
from django.test import Client

from consent import actions, gate
from portal.events import ingest, reading
from portal.events.models import BatchReceipt, Block
from tests.events.conftest import focus, move, now_ms
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
    """The batch has read its permission when the withdrawal comes: it commits first, or it keeps nothing."""
    reached, real = threading.Event(), ingest.sift
    order = []

    def slowly(*args):
        reached.set()
        time.sleep(0.3)
        return real(*args)

    monkeypatch.setattr(ingest, "sift", slowly)

    def put():
        answer = send(Client(), token, make_batch(ada, [move()]))
        order.append("stored")
        return answer.json()["stored"]

    def withdraw():
        reached.wait(5)
        actions.withdraw(subject_id=ada.pk, purpose_key="train", path="/")
        order.append("withdrawn")

    assert at_once(put, withdraw)[0] == 1
    assert order == ["stored", "withdrawn"], "the withdrawal waited for the batch that was before it"
    monkeypatch.setattr(ingest, "sift", real)
    assert send(Client(), token, make_batch(ada, [move()])).json()["stored"] == 0


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
