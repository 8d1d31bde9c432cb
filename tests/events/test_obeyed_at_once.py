"""A no or a pause of one process is obeyed by the next request of any other, and from its commit on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
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

PLACES = ("VAR", "KEY_DIR", "JOURNAL_DIR", "CHECKPOINT_DIR", "KEYRING_DIR")
ACTIONS = "from consent import actions;"
FLOWS = "from portal.register.models import Flow;"
pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


ALONE = "import sys, django; django.setup(); exec(sys.argv[1])"


@pytest.fixture
def elsewhere(settings):
    """Return what does something in a process of its own, with the same databases and files."""
    at = {
        "DATABASE_URL": connections["default"],
        "KEYS_DATABASE_URL": connections["keys"],
    }
    own = {name: _beside(os.environ[name], connection) for name, connection in at.items()}
    shutil.copy(settings.OIDC_KEY_FILE, settings.KEY_DIR / "oidc.pem")
    places = {f"DAYLIGHT_{name}": str(getattr(settings, name)) for name in PLACES}
    environment = {**os.environ, **own, **places, "DJANGO_SETTINGS_MODULE": "portal.settings"}

    def do(code):
        done = subprocess.run([sys.executable, "-c", ALONE, code], env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()

    return do


def _beside(url, connection):
    return url.rsplit("/", 1)[0] + "/" + connection.settings_dict["NAME"]


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


def test_a_withdrawal_in_another_process_is_obeyed_by_the_next_request(stored, allowed, ada, elsewhere):
    assert stored() == 1
    before = allowed()
    elsewhere(f"{ACTIONS} actions.withdraw(subject_id='{ada.pk}', purpose_key='train', path='/choices/')")
    assert stored() == 0
    after = allowed(**{"if-none-match": before["ETag"]})
    assert after.status_code == 200
    assert not any(each["allowed"] for each in after.json()["categories"].values())


def test_so_is_a_pause_and_its_end(stored, allowed, ada, elsewhere):
    assert stored() == 1
    elsewhere(f"{ACTIONS} actions.pause(subject_id='{ada.pk}')")
    assert stored() == 0
    assert allowed().json()["paused_until"]
    elsewhere(f"{ACTIONS} actions.resume(subject_id='{ada.pk}')")
    assert stored() == 1


def test_so_is_the_retirement_of_a_purpose_and_what_is_narrower(stored, agent, ada, elsewhere):
    assert stored() == 1
    elsewhere(f"{FLOWS} Flow.objects.update(off_hours=False, state='retired')")
    assert stored() == 0
    Flow.objects.update(state="live")
    assert stored() == 1
    elsewhere(f"{ACTIONS} actions.retire_purpose(key='train')")
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


def test_of_batches_that_go_on_meanwhile_nothing_observed_in_the_pause_is_kept(settings, token, ada):
    over = threading.Event()

    settings.INGEST_BATCHES_PER_MINUTE = 10_000

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


def test_of_batches_that_go_on_meanwhile_none_is_kept_after_a_withdrawal(settings, token, ada):
    over, answered_after = threading.Event(), []
    done = threading.Event()

    settings.INGEST_BATCHES_PER_MINUTE = 10_000

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
