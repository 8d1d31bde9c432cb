"""A request can mean one device: what it sent goes, is restricted or is copied, and what others sent is not."""

from __future__ import annotations

import pytest

from consent import actions as decisions
from consent import gate
from consent.values import Scope
from portal.events import reading, rewrite
from portal.rights.values import Kind
from tests.makers import make_batch, make_permitted, make_token, send
from tests.rights.conftest import ask, at, carry_out, stored, unzip

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def devices(client, ada):
    """Two programs send the same kind of movement of the same day; return how each is named and its token."""
    make_permitted(ada, source="old", kind="import")
    found = {}
    for number, name in enumerate(("laptop", "kiosk")):
        token = make_token("events.write", sources=["old"], name=name)
        events = [{"t": at(2) + n, "type": "pointermove", "x": number, "y": n} for n in range(3 + number)]
        assert send(client, token, make_batch(ada, events, source="old")).status_code == 201
        (writer,) = {row["collector"] for row in stored(ada)} - {each[0] for each in found.values()}
        found[name] = (writer, token)
    return found


def of(devices, name):
    return Scope(collectors=frozenset({devices[name][0]}))


def test_a_deletion_of_one_device_leaves_what_the_other_sent(client, ada, devices, soon):
    request = carry_out(ask(ada, Kind.ERASURE, scope=of(devices, "kiosk")))
    assert request.state == "delivered"
    assert [row["x"] for row in stored(ada)] == [0, 0, 0]
    assert reading.days(ada.pk)[0].events == {"pointer_movement": 3}
    assert request.certificate["certificate"]["erased"]["events"] == 4
    assert request.certificate["certificate"]["scope"] == {"collectors": [devices["kiosk"][0]]}
    assert rewrite.residue(ada.pk, of(devices, "kiosk"), request.asked_ms) == 0


def test_what_was_deleted_of_a_device_does_not_come_back_and_the_other_is_taken(client, ada, devices, soon):
    carry_out(ask(ada, Kind.ERASURE, scope=of(devices, "kiosk")))
    body = make_batch(ada, [{"t": at(2), "type": "pointermove", "x": 9, "y": 9}], source="old")
    assert send(client, devices["kiosk"][1], body).json()["withheld"] == {"pointer_movement": 1}
    assert send(client, devices["laptop"][1], body).json()["stored"] == 1


def test_counting_says_before_what_would_go_of_one_device(ada, devices):
    counted = rewrite.count_each(ada.pk, {name: of(devices, name) for name in devices}, at(0))
    assert counted == {"laptop": {"pointer_movement": 3}, "kiosk": {"pointer_movement": 4}}


def test_a_restriction_of_one_device_stops_that_one_alone(client, ada, devices):
    decisions.restrict(subject_id=ada.pk, scope=of(devices, "kiosk"))
    body = make_batch(ada, [{"t": at(1), "type": "pointermove", "x": 9, "y": 9}], source="old")
    assert send(client, devices["kiosk"][1], body).json()["stored"] == 0
    assert send(client, devices["laptop"][1], body).json()["stored"] == 1


def test_a_copy_of_one_device_holds_nothing_of_the_other(ada, devices):
    request = carry_out(ask(ada, scope=of(devices, "laptop"), format="jsonl"))
    assert unzip(request)["data/pointer_movement.jsonl"].count(b"\n") == 3


def test_the_last_window_of_a_device_that_is_meant_goes_and_that_of_another_stays(client, ada, devices, soon):
    for name, app in (("laptop", "Mail"), ("kiosk", "Till")):
        body = make_batch(ada, [{"t": at(1), "type": "focus", "app": app}], source="old")
        assert send(client, devices[name][1], body).json()["stored"] == 1
    carry_out(ask(ada, Kind.ERASURE, scope=of(devices, "kiosk")))
    for name, app in (("laptop", "Mail"), ("kiosk", None)):
        body = make_batch(ada, [{"t": at(1) + 9, "type": "pointermove", "x": 7, "y": 7}], source="old")
        sent = send(client, devices[name][1], body).json()
        assert sent["stored"] == (1 if name == "laptop" else 0), app
    assert {row.get("in_app") for row in stored(ada) if row.get("x") == 7} <= {"Mail", None}


def test_a_scope_written_before_devices_could_be_meant_means_every_device():
    old = Scope.from_json({"categories": ["scrolling"], "sources": ["old"]})
    assert old.covers("scrolling", 0, "old", "unknown", "client:any")
    assert old.collectors is None
    assert Scope.from_json(Scope(collectors=frozenset({"a"})).to_json()) == Scope(collectors=frozenset({"a"}))


def test_a_device_that_is_not_known_is_not_meant_by_a_scope_that_names_one():
    assert not Scope(collectors=frozenset({"a"})).covers("scrolling", 0, "old", "unknown")


def test_a_restriction_with_a_key_of_its_own_is_written_once(ada):
    for _twice in range(2):
        decisions.restrict(subject_id=ada.pk, scope=Scope(), key="mine", ground="legal_claims")
    (standing,) = gate.read(ada.pk).restrictions
    assert (standing.key, standing.ground, standing.stands) == ("mine", "legal_claims", True)
