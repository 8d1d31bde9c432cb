"""Faults of what lies under the product: the broker, the cache, the database, a worker's whole group."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from portal.stack.smoke import PASSWORD
from tests.drills.company import Company
from tests.drills.services import Services
from tests.drills.stack import Stack
from tests.drills.storm import weather
from tests.drills.test_requests_survive import archive, one_certificate, records

pytestmark = pytest.mark.drill
# Opens a request and dies in the commit's own hook, before anybody could be woken.
DIES_AFTER_COMMIT = """
import os, sys, uuid, django
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
django.setup()
from django.db import transaction
from portal.audit.values import Actor, ActorKind
from portal.rights import actions, tasks
subject = uuid.UUID(sys.argv[1])
with transaction.atomic():
    transaction.on_commit(lambda: os._exit(0))
    by = Actor(ActorKind.PERSON, str(subject), "employee")
    request = actions.open_request(kind="access", subject_id=subject, by=by)
    tasks.nudge(request.pk)
"""
# Wakes the workers many times for the same request.
WAKES_OFTEN = """
import os, sys, django
os.environ["DJANGO_SETTINGS_MODULE"] = "portal.settings"
django.setup()
from portal.rights import tasks
for _ in range(8):
    tasks.advance.delay(sys.argv[1])
"""


@pytest.fixture
def services(place):
    with Services(place) as found:
        yield found


def test_the_whole_worker_dies_with_its_group_while_the_broker_is_away(place, services):
    """Nothing but the lease and a restart brings the work back."""
    with Stack(place / "var", **services.settings) as stack:
        company = Company(stack)
        kept = company.fill(days=8, events_a_day=2000)
        path = company.ask_for_copy()
        services.valkey.process.kill()
        services.valkey.process.wait()
        stack.kill()
        stack.process.wait()
        services.valkey.start()
        stack.start()
        assert records(archive(company, company.until(path, "ready", 120))) == kept


def test_a_request_whose_process_died_after_the_commit_is_done(place):
    with Stack(place / "var") as stack:
        company = Company(stack)
        kept = company.fill(days=2, events_a_day=100)
        stack.run("-c", DIES_AFTER_COMMIT, company.subjects["1"])
        ((pk,),) = stack.query("SELECT id::text FROM rights_subjectrequest")
        page = company.until(f"/requests/{pk}/", "ready", 120)
        assert records(archive(company, page)) == kept


def test_a_silent_broker_holds_no_page_back(place, services):
    """Twenty people at once ask for a copy of theirs while the broker takes connections and says nothing."""
    with Stack(place / "var", **services.settings) as stack:
        company = Company(stack)
        company.fill(days=1, events_a_day=50)
        page = company.ada.get("/requests/")
        services.freeze_valkey()
        try:
            began = time.monotonic()
            with ThreadPoolExecutor(20) as pool:
                looks = [pool.submit(company.ada.get, "/choices/") for _ in range(19)]
                asked = pool.submit(company.ada.press, page, "copy")
                assert {each.result().status for each in (*looks, asked)} == {200}
            assert time.monotonic() - began < 60
        finally:
            services.thaw_valkey()
        company.until(asked.result().path, "ready", 120)


@pytest.mark.parametrize("keep", [True, False], ids=["with its old file", "empty"])
def test_the_broker_dies_and_comes_back(place, services, keep):
    with Stack(place / "var", **services.settings) as stack:
        company = Company(stack)
        kept = company.fill(days=6, events_a_day=1000)
        path = company.erase_everything()
        old = place / "old"
        if keep:
            shutil.copytree(services.valkey.root, old)
        services.crash_valkey(keep=keep)
        done = company.until(path, "delivered", 120)
        if keep:
            # What was done by now is in the old file again: everything is delivered a second time.
            services.valkey.process.kill()
            services.valkey.process.wait()
            shutil.rmtree(services.valkey.root)
            shutil.copytree(old, services.valkey.root)
            services.valkey.start()
            time.sleep(5)
        assert one_certificate(company, done)["erased"]["events"] == kept


def test_the_same_work_is_delivered_eight_times_at_once(place):
    with Stack(place / "var") as stack:
        company = Company(stack)
        kept = company.fill(days=6, events_a_day=1000)
        path = company.erase_everything()
        stack.run("-c", WAKES_OFTEN, path.strip("/").split("/")[1])
        done = company.until(path, "delivered", 120)
        assert one_certificate(company, done)["erased"]["events"] == kept


def test_a_lost_cache_signs_nobody_out_and_opens_nothing(place):
    with Stack(place / "var") as stack:
        company = Company(stack)
        stack.redis(1).flushdb()
        assert company.ada.get("/requests/").path == "/requests/"
        assert stack.browser().get("/requests/").path.startswith("/accounts/login/")


def test_connections_to_the_database_are_cut_again_and_again(place, services):
    """Each page answers or says that it cannot now; what was asked for is done in the end, once."""
    with Stack(place / "var", **services.settings) as stack:
        company = Company(stack)
        kept = company.fill(days=10, events_a_day=2000)
        path = company.ask_for_copy()
        over = threading.Event()
        cutting = threading.Thread(target=cut, args=(services, over))
        cutting.start()
        ends, seen = time.monotonic() + 8, set()
        while time.monotonic() < ends:
            seen.add(company.ada.request("GET", "/choices/").status)
        over.set()
        cutting.join()
        assert seen <= {200, 503}, seen
        assert records(archive(company, company.until(path, "ready", 120))) == kept
        stack.manage("verify_ledger")


def cut(services: Services, over: threading.Event) -> None:
    with psycopg.connect(services.postgres.url("postgres"), autocommit=True) as connection:
        while not over.wait(0.2):
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 'daylight%'")


def test_the_database_crashes_during_a_deletion(place, services):
    with Stack(place / "var", **services.settings) as stack:
        company = Company(stack)
        kept = company.fill(days=10, events_a_day=2000)
        path = company.erase_everything()
        services.crash_postgres()
        time.sleep(0.5)
        services.crash_postgres()
        done = company.until(path, "delivered", 120)
        assert one_certificate(company, done)["erased"]["events"] == kept
        assert company.ada.get("/").status == 200
        stack.manage("verify_ledger")


def test_two_deletions_and_a_copy_at_once(place):
    """One certificate a deletion; the copy that was begun before holds nothing, or is gone."""
    with Stack(place / "var") as stack:
        company = Company(stack)
        company.fill(days=6, events_a_day=1000)
        copied = company.ask_for_copy()
        again = stack.browser()
        again.sign_in("ada@smoke.example", PASSWORD)
        first = company.erase_everything()
        company.ada = again
        second = company.erase_everything()
        pages = {company.until(path, "delivered", 120).path for path in {first, second}}
        leaves = stack.query("SELECT count(*) FROM consent_ledgerleaf WHERE entry LIKE 'daylight/v1\nerasure%%'")
        certified = "SELECT count(*) FROM rights_subjectrequest WHERE sealed_certificate IS NOT NULL"
        assert leaves == stack.query(certified)
        assert pages <= {first, second}
        deadline = time.monotonic() + 60
        while (state := company.states(copied)[0][0]) == "processing" and time.monotonic() < deadline:
            time.sleep(0.3)
        if state == "ready":
            assert records(archive(company, again.get(copied))) == 0
        else:
            assert state == "expired"


def test_people_at_work_in_a_minute_of_faults(place):
    """What fails says its seed: `python -m tests.drills.storm 60 SEED` runs it again."""
    seed = int(os.environ.get("STORM_SEED", "0")) or time.time_ns() % 10**6
    seconds = float(os.environ.get("STORM_SECONDS", "60"))
    happened = weather(place, seconds, seed)
    assert happened["_send"] > 20
    assert happened["_copy"] and happened["_erase"] and happened["_decide"]


def test_a_stopped_worker_goes_on_after_its_lease_and_changes_nothing(place):
    """Another worker finished meanwhile; the one that slept finds itself overtaken."""
    with Stack(place / "var") as stack:
        company = Company(stack)
        kept = company.fill(days=10, events_a_day=2000)
        path = company.erase_everything()
        sleeper = stack.workers()[1]
        os.kill(sleeper, signal.SIGSTOP)
        try:
            done = company.until(path, "delivered", 120)
        finally:
            os.kill(sleeper, signal.SIGCONT)
        time.sleep(3)
        assert one_certificate(company, done)["erased"]["events"] == kept
