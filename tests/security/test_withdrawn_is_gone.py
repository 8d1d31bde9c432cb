"""A no takes what is there with it, also where the device's clock lies, and shuts out no less than before."""

from __future__ import annotations

import time

import pytest

from consent import actions as decisions
from consent.values import Scope
from portal.rights import actions
from tests.events.conftest import focus, move, now_ms
from tests.makers import make_batch, make_permitted, make_token, send
from tests.rights.conftest import ask, carry_out, person, soon, stored

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
__all__ = ["soon"]
AHEAD = 4 * 60 * 1000


@pytest.fixture
def put(client, ada, soon):
    """Send events about Ada, who said yes to everything; return what became of them."""
    token = make_token("events.write", sources=[make_permitted(ada, blocked_apps=["bank"]).key])
    time.sleep(0.002)
    return lambda *events: send(client, token, make_batch(ada, list(events))).json()


def withdraw(ada):
    return actions.withdraw(subject_id=ada.pk, purpose_key="train", by=person(ada), path="/choices/")[1]


def test_a_withdrawal_takes_what_a_clock_ahead_had_sent_before_it(ada, put):
    assert put(move(), move(now_ms() + AHEAD))["stored"] == 2
    request = carry_out(withdraw(ada))
    assert (request.state, stored(ada)) == ("delivered", [])
    assert request.certificate["certificate"]["erased"]["events"] == 2


def test_so_does_the_deletion_of_everything_once_nothing_is_permitted_any_more(ada, put):
    put(move(now_ms() + AHEAD))
    decisions.withdraw(subject_id=ada.pk, purpose_key="train", path="/choices/")
    assert carry_out(ask(ada, "erasure")).state == "delivered"
    assert stored(ada) == []


def test_what_a_new_yes_lets_in_stays(ada, put):
    put(move(), move(now_ms() + 1))
    time.sleep(0.005)
    request = withdraw(ada)
    decisions.give(subject_id=ada.pk, purpose_key="train", path="/choices/")
    time.sleep(0.002)
    fresh = now_ms()
    assert put(move(fresh))["stored"] == 1
    assert carry_out(request).state == "delivered"
    assert [row["t"] for row in stored(ada)] == [fresh]


def test_what_comes_late_from_a_blocked_app_stays_out_after_an_erasure_of_something_else(ada, put):
    t = now_ms()
    put(focus("bank", t), focus("mail", t + 10))
    carry_out(ask(ada, "erasure", scope=Scope(categories=frozenset({"scrolling"}))))
    assert put(move(t + 5))["stored"] == 0
    assert put(focus("mail"), move())["stored"] == 2
