"""A deadlock, or a lock that nobody lets go of: an answer stands or is refused whole, and is never lost on the way."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection

from consent import gate, ledger
from consent.models import Decision, LedgerLeaf
from portal.rights.models import SubjectRequest
from tests.makers import make_permitted, sign_in

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
HEAD = "SELECT 1 FROM consent_ledgerhead FOR UPDATE"
GATE = "SELECT 1 FROM consent_gate FOR UPDATE"
WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.fixture
def signed_in(client, ada):
    make_permitted(ada)
    sign_in(client, ada)
    client.raise_request_exception = False
    return ada


@pytest.fixture
def other():
    """Somebody else's connection, who never gives way by itself."""
    named = connection.get_connection_params()
    reached = {key: named[key] for key in ("host", "port", "user", "password", "dbname") if key in named}
    with psycopg.connect(**reached) as found:
        found.execute("SET deadlock_timeout = '60s'")
        found.commit()
        yield found


@contextmanager
def setting(name, value):
    with connection.cursor() as cursor:
        cursor.execute(f"SET {name} = '{value}'")
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"RESET {name}")


@contextmanager
def deadlocks(other, times):
    """Take the ledger's head, wait until somebody wants it, then want their gate row: so often, one after the other."""

    def meet():
        for _ in range(times):
            other.execute(HEAD)
            began.set()
            ends = time.monotonic() + 20
            while not other.execute(WAITING).fetchone()[0] and time.monotonic() < ends:
                time.sleep(0.01)
            other.execute(GATE)
            other.rollback()

    began, thread = threading.Event(), threading.Thread(target=meet)
    thread.start()
    began.wait(20)
    with setting("deadlock_timeout", "300ms"):
        yield
    thread.join()


def withdraw(client):
    return client.post("/choices/train/withdraw/", {"erase": "now"})


def stands(ada):
    """The no is there as one decision, one leaf and one request, and nothing else is."""
    assert gate.read(ada.pk).grants == {}
    kinds = list(Decision.objects.order_by("leaf_idx").values_list("kind", flat=True))
    assert kinds == ["given", "withdrawn"]
    assert LedgerLeaf.objects.count() == 2
    assert SubjectRequest.objects.filter(opened_by="withdrawal").count() <= 1
    assert ledger.verify() is None


def nothing_happened(ada):
    assert set(gate.read(ada.pk).grants) == {"train"}
    assert (Decision.objects.count(), LedgerLeaf.objects.count(), SubjectRequest.objects.count()) == (1, 1, 0)
    assert ledger.verify() is None


def test_an_answer_that_a_deadlock_broke_off_is_taken_again_by_itself(client, signed_in, other):
    with deadlocks(other, 1):
        assert withdraw(client).status_code in (200, 302)
    stands(signed_in)


def test_after_three_times_the_person_is_told_and_may_press_again(client, signed_in, other):
    with deadlocks(other, 3):
        answer = withdraw(client)
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    nothing_happened(signed_in)
    assert withdraw(client).status_code in (200, 302)
    stands(signed_in)


def test_a_lock_that_nobody_lets_go_of_is_waited_for_once(client, signed_in, other):
    other.execute(GATE)
    with setting("lock_timeout", "200ms"):
        began = time.monotonic()
        answer = withdraw(client)
        assert time.monotonic() - began < 3
    other.rollback()
    assert (answer.status_code, answer["Retry-After"]) == (503, "5")
    nothing_happened(signed_in)
    assert withdraw(client).status_code in (200, 302)
    stands(signed_in)
