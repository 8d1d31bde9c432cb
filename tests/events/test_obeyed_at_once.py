"""A no or a pause of one process is obeyed by the next request of any other, and from its commit on."""

from __future__ import annotations

import multiprocessing
import threading
import time
from datetime import timedelta

import pytest
from django.db import connections
from django.test import Client
from django.utils import timezone

from consent import actions
from consent.models import Gate
from portal.events import focus as focus_module
from portal.events import ingest, reading
from portal.register.models import Flow
from tests.events.conftest import focus, move, now_ms
from tests.events.test_races import at_once
from tests.makers import make_batch, send

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def elsewhere(act, **asked):
    """Do it in a process of its own, with connections of its own."""
    connections.close_all()
    child = multiprocessing.get_context("fork").Process(target=_alone, args=(act, asked))
    child.start()
    child.join(30)
    assert child.exitcode == 0


def _alone(act, asked):
    try:
        act(**asked)
    finally:
        connections.close_all()


def narrow():
    Flow.objects.update(off_hours=False, state="retired")


@pytest.fixture
def stored(token, ada):
    return lambda *events: send(Client(), token, make_batch(ada, list(events) or [move()])).json()["stored"]


@pytest.fixture
def allowed(token, ada):
    def call(**headers):
        query = {"subject": str(ada.pk), "source": "agent"}
        headers = {"authorization": f"Bearer {token}", **headers}
        return Client().get("/api/v1/permissions", query, headers=headers)

    return call


def test_a_withdrawal_in_another_process_is_obeyed_by_the_next_request(stored, allowed, ada):
    assert stored() == 1
    before = allowed()
    elsewhere(actions.withdraw, subject_id=ada.pk, purpose_key="train", path="/choices/")
    assert stored() == 0
    after = allowed(**{"if-none-match": before["ETag"]})
    assert after.status_code == 200
    assert not any(each["allowed"] for each in after.json()["categories"].values())


def test_so_is_a_pause_and_its_end(stored, allowed, ada):
    assert stored() == 1
    elsewhere(actions.pause, subject_id=ada.pk, until=timezone.now() + timedelta(hours=1))
    assert stored() == 0
    assert allowed().json()["paused_until"]
    elsewhere(actions.resume, subject_id=ada.pk)
    assert stored() == 1


def test_so_is_the_retirement_of_a_purpose_and_what_is_narrower(stored, agent, ada):
    assert stored() == 1
    elsewhere(narrow)
    assert stored() == 0
    Flow.objects.update(state="live")
    assert stored() == 1
    elsewhere(actions.retire_purpose, key="train")
    assert stored() == 0


def test_a_batch_that_had_read_its_permission_before_the_pause_stores_nothing_observed_in_it(token, ada, monkeypatch):
    real = ingest.sift

    def then_pause(*args):
        sifted = real(*args)
        monkeypatch.setattr(ingest, "sift", real)
        actions.pause(subject_id=ada.pk, until=timezone.now() + timedelta(hours=1))
        return sifted

    monkeypatch.setattr(ingest, "sift", then_pause)
    earlier, later = move(), move(now_ms() + 60_000)
    answer = send(Client(), token, make_batch(ada, [earlier, later])).json()
    assert (answer["stored"], answer["withheld"]) == (1, {"pointer_movement": 1})
    (row,) = reading.page(ada.pk, reading.stored_days(ada.pk)[0]).rows
    assert row["t"] == earlier["t"]


def test_a_pause_waits_for_a_batch_that_is_being_written(token, ada, monkeypatch):
    reached, order, real = threading.Event(), [], focus_module.remember

    def slowly(*args):
        reached.set()
        time.sleep(0.3)
        order.append("stored")
        return real(*args)

    def pause():
        reached.wait(5)
        actions.pause(subject_id=ada.pk, until=timezone.now() + timedelta(hours=1))
        order.append("paused")

    monkeypatch.setattr(focus_module, "remember", slowly)
    at_once(lambda: send(Client(), token, make_batch(ada, [focus("mail")])), pause)
    assert order == ["stored", "paused"]


def test_of_batches_that_go_on_meanwhile_nothing_observed_in_the_pause_is_kept(token, ada):
    over = threading.Event()

    def keep_sending():
        while not over.is_set():
            answer = send(Client(), token, make_batch(ada, [move()]))
            assert answer.status_code == 201, answer.content

    def pause():
        time.sleep(0.4)
        actions.pause(subject_id=ada.pk, until=timezone.now() + timedelta(hours=1))
        time.sleep(0.4)
        over.set()

    at_once(keep_sending, keep_sending, pause)
    (told,) = Gate.objects.get(pk=ada.pk).pauses
    times = [row["t"] for day in reading.stored_days(ada.pk) for row in reading.page(ada.pk, day, limit=5000).rows]
    assert times
    assert max(times) < told["from_ms"]


def test_of_batches_that_go_on_meanwhile_none_is_kept_after_a_withdrawal(token, ada):
    over, answered_after = threading.Event(), []
    done = threading.Event()

    def keep_sending():
        while not over.is_set():
            began_after = done.is_set()
            stored = send(Client(), token, make_batch(ada, [move()])).json()["stored"]
            if began_after:
                answered_after.append(stored)

    def withdraw():
        time.sleep(0.4)
        actions.withdraw(subject_id=ada.pk, purpose_key="train", path="/choices/")
        done.set()
        time.sleep(0.4)
        over.set()

    at_once(keep_sending, keep_sending, withdraw)
    assert answered_after
    assert set(answered_after) == {0}
