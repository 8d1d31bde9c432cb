"""What is known of devices after a no outlives the erasure that the no opened: it proves that it was kept to."""

from __future__ import annotations

import pytest

from portal.events import devices, reading
from portal.events.models import Sender
from portal.rights import actions, stopping
from tests.events.conftest import move, now_ms
from tests.makers import make_batch, make_permitted, make_token, send
from tests.rights.conftest import carry_out, person

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def observed(client, ada):
    """Return when the only event of Ada's laptop was."""
    make_permitted(ada)
    t = now_ms() + 5
    token = make_token("events.write", ["agent"], name="Desktop agent")
    assert send(client, token, make_batch(ada, [move(t)])).json()["stored"] == 1
    return t


def last_event(employee):
    (found,) = devices.after_stop(employee.pk, "train")
    return round(found.last_event.timestamp() * 1000)


def test_the_last_event_of_a_device_is_known_at_once_and_after_the_erasure(observed, ada, soon):
    _recorded, request = actions.withdraw(subject_id=ada.pk, purpose_key="train", by=person(ada), path="/choices/")
    assert last_event(ada) == observed
    assert carry_out(request).state == "delivered"
    assert reading.stored_days(ada.pk) == []
    assert last_event(ada) == observed


def test_it_is_written_down_before_everything_is_erased_and_stopped(observed, ada, soon):
    request = stopping.stop_and_erase(subject_id=ada.pk, by=person(ada))
    assert carry_out(request).state == "delivered"
    assert last_event(ada) == observed


def test_of_an_import_no_device_is_written_down(recorded):
    actions.withdraw(subject_id=recorded.pk, purpose_key="train", by=person(recorded), path="/choices/")
    assert not Sender.objects.exists()
    assert devices.after_stop(recorded.pk, "train") == []
