"""Of somebody whose account was closed nothing is kept, also if they come back."""

from __future__ import annotations

import time

import pytest

from consent import actions as consent
from portal.people import actions
from tests.events.conftest import move
from tests.makers import SETTING_UP, make_batch, make_permitted, make_token, send

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def wait():
    time.sleep(0.005)


def test_what_was_observed_while_an_account_was_closed_stays_out_once_it_is_open_again(client, ada):
    token = make_token("events.write", sources=[make_permitted(ada).key])
    wait()
    before = move()
    wait()
    actions.deactivate(employee=ada, by=SETTING_UP)
    wait()
    meanwhile = move()
    assert send(client, token, make_batch(ada, [meanwhile])).json()["stored"] == 0
    wait()
    actions.change_employee(employee=ada, profile=actions.Profile(email=ada.email, name=ada.name), by=SETTING_UP)
    assert send(client, token, make_batch(ada, [before])).json()["stored"] == 0
    consent.give(subject_id=ada.pk, purpose_key="train", path="/choices/")
    wait()
    answer = send(client, token, make_batch(ada, [before, meanwhile, move()])).json()
    assert (answer["stored"], answer["withheld"]) == (1, {"pointer_movement": 2})
