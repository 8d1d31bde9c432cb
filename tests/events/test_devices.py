"""After a no: each device's last event, whether it confirmed, whether it goes on, and who is told of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent import actions
from portal.events import devices, devices_said
from portal.events.models import Sender, StillSending
from portal.people.models import ApiClient
from tests.events.conftest import focus, move, now_ms
from tests.makers import make_batch, make_flow, make_permitted, make_purpose, make_token, send

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


@pytest.fixture
def laptop(agent):
    return make_token("events.write", [agent.key], name="Desktop agent")


@pytest.fixture
def sends(client, ada):
    def call(token, events, **over):
        answer = send(client, token, make_batch(ada, events, **over))
        assert answer.status_code == 201, answer.content
        return answer.json()

    return call


@pytest.fixture
def asks(client, ada):
    def call(token, source="agent"):
        query = {"subject": str(ada.pk), "source": source}
        return client.get("/api/v1/permissions", query, headers={"authorization": f"Bearer {token}"})

    return call


def withdraw(employee, purpose="train"):
    """As `rights` does: the device's last event is written down once the withdrawal is committed."""
    actions.withdraw(subject_id=employee.pk, purpose_key=purpose, path="/choices/")
    devices.stopped(employee.pk, {purpose})


def only(employee, purpose="train"):
    (found,) = devices.after_stop(employee.pk, purpose)
    return found


def ms(at):
    return round(at.timestamp() * 1000)


def test_the_last_event_of_each_device_is_known_after_a_withdrawal(laptop, sends, ada):
    other = make_token("events.write", ["agent"], name="Old agent")
    t = now_ms()
    sends(laptop, [move(t), focus("mail", t + 5), move(t + 2)])
    sends(other, [move(t + 1)])
    assert devices.after_stop(ada.pk, "train") == []
    withdraw(ada)
    found = {each.name: each for each in devices.after_stop(ada.pk, "train")}
    assert {name: ms(each.last_event) for name, each in found.items()} == {"Desktop agent": t + 5, "Old agent": t + 1}
    assert {each.source_title for each in found.values()} == {"Agent"}
    assert all(each.confirmed_at is None and each.still_sending_days == [] for each in found.values())


def test_the_last_event_is_that_of_the_purpose_and_still_there_once_erased(laptop, sends, ada, agent, seal):
    make_purpose("study", covers={"agent": ["app_usage"]})
    make_flow(agent, "app_usage", "study")
    actions.give(subject_id=ada.pk, purpose_key="study", path="/choices/")
    t = now_ms()
    sends(laptop, [focus("mail", t), move(t + 7)])
    seal()
    withdraw(ada, "study")
    assert ms(only(ada, "study").last_event) == t
    sends(laptop, [move(t + 9)])
    withdraw(ada)
    assert ms(only(ada, "study").last_event) == t
    assert ms(only(ada).last_event) == t + 9


def test_a_device_confirms_by_asking(laptop, sends, asks, ada):
    asks(laptop)
    sends(laptop, [move()])
    withdraw(ada)
    before = timezone.now()
    assert asks(laptop).json()["categories"]["scrolling"]["allowed"] is False
    confirmed = only(ada).confirmed_at
    assert before - timedelta(milliseconds=1) <= confirmed <= timezone.now()
    asks(laptop)
    assert only(ada).confirmed_at == confirmed


def test_asking_again_writes_nothing(laptop, sends, asks, ada):
    sends(laptop, [move()])
    withdraw(ada)
    asks(laptop)
    with CaptureQueriesContext(connection) as asked:
        asks(laptop)
    assert not [each for each in asked if each["sql"].startswith(("UPDATE", "INSERT"))]
    assert len(asked) <= 3


def test_it_confirms_each_withdrawal_for_itself(laptop, sends, asks, ada, agent):
    make_purpose("study", covers={"agent": ["app_usage"]})
    make_flow(agent, "app_usage", "study")
    actions.give(subject_id=ada.pk, purpose_key="study", path="/choices/")
    sends(laptop, [focus("mail"), move()])
    withdraw(ada, "study")
    asks(laptop)
    first = only(ada, "study").confirmed_at
    withdraw(ada)
    assert only(ada).confirmed_at is None
    asks(laptop)
    assert only(ada).confirmed_at > first
    assert only(ada, "study").confirmed_at == first


def test_another_devices_asking_confirms_nothing(laptop, sends, asks, ada):
    sends(laptop, [move()])
    withdraw(ada)
    asks(make_token("events.write", ["agent"], name="Another"))
    assert only(ada).confirmed_at is None


def test_a_device_that_still_sends_is_written_down_once_a_day(laptop, sends, ada):
    sends(laptop, [move()])
    withdraw(ada)
    sends(laptop, [move()])
    today = datetime.now(UTC).date()
    found = only(ada).still_sending_days
    assert len(found) == 1
    assert abs((found[0] - today).days) <= 1
    with CaptureQueriesContext(connection) as asked:
        assert sends(laptop, [move()])["stored"] == 0
    assert "events_stillsending" not in json.dumps([each["sql"] for each in asked])
    assert not [each for each in asked if each["sql"].startswith('UPDATE "events_sender"')]


def test_a_device_that_no_event_was_ever_taken_from_is_named_as_well_if_it_sends(sends, laptop, ada):
    withdraw(ada)
    assert devices.after_stop(ada.pk, "train") == []
    sends(laptop, [move()])
    assert [each.name for each in devices.after_stop(ada.pk, "train")] == ["Desktop agent"]


def test_what_it_sends_while_another_purpose_goes_on_is_noticed_by_its_category(laptop, sends, ada, agent):
    make_purpose("study", covers={"agent": ["app_usage"]})
    make_flow(agent, "app_usage", "study")
    actions.give(subject_id=ada.pk, purpose_key="study", path="/choices/")
    sends(laptop, [focus("mail"), move()])
    withdraw(ada)
    assert sends(laptop, [focus("mail")])["stored"] == 1
    assert only(ada).still_sending_days == []
    assert sends(laptop, [focus("mail"), move()])["stored"] == 1
    assert len(only(ada).still_sending_days) == 1


def test_what_was_never_permitted_does_not_count_as_going_on(client, sends, ada):
    make_permitted(ada, ["pointer_movement"])
    make_purpose("study", covers={"agent": ["pointer_movement"]})
    token = make_token("events.write", ["agent"])
    actions.give(subject_id=ada.pk, purpose_key="study", path="/choices/")
    sends(token, [move(now_ms() + 50)])
    withdraw(ada, "study")
    sends(token, [focus("mail"), move(now_ms() + 50)])
    assert [each.still_sending_days for each in devices.after_stop(ada.pk, "study")] == [[]]


def test_what_is_sent_in_a_pause_is_not_what_a_no_forbids(laptop, sends, ada):
    actions.pause(subject_id=ada.pk, until=timezone.now() + timedelta(hours=1))
    sends(laptop, [move()])
    withdraw(ada)
    assert all(each.still_sending_days == [] for each in devices.after_stop(ada.pk, "train"))


def test_a_yes_given_again_ends_the_story(laptop, sends, asks, ada):
    sends(laptop, [move()])
    withdraw(ada)
    sends(laptop, [move()])
    actions.give(subject_id=ada.pk, purpose_key="train", path="/choices/")
    assert devices.after_stops(ada.pk) == {}


def test_days_before_the_stop_are_not_held_against_a_device(laptop, sends, ada):
    sends(laptop, [move()])
    withdraw(ada)
    sends(laptop, [move()])
    actions.give(subject_id=ada.pk, purpose_key="train", path="/choices/")
    withdraw(ada)
    assert only(ada).still_sending_days == []


def test_a_retired_purpose_ends_for_its_devices_too(laptop, sends, asks, ada):
    t = now_ms()
    sends(laptop, [move(t)])
    actions.retire_purpose(key="train")
    devices.stopped(ada.pk)
    asks(laptop)
    found = only(ada)
    assert ms(found.last_event) == t
    assert found.confirmed_at is not None


def test_asked_twice_and_after_the_erasure_it_says_the_same(laptop, sends, asks, ada):
    sends(laptop, [move()])
    withdraw(ada)
    asks(laptop)
    before = only(ada)
    devices.stopped(ada.pk)
    assert only(ada) == before


class TestOperators:
    def test_they_are_told_of_an_installation_and_not_whose(self, laptop, sends, ada):
        assert devices.noisy() == []
        sends(laptop, [move()])
        withdraw(ada)
        sends(laptop, [move()])
        (told,) = devices.noisy()
        assert told == f"client:{ApiClient.objects.get(client__name='Desktop agent').client_id}"

    def test_where_a_device_sends_with_the_persons_own_token_the_person_is_not_in_its_id(self, client, agent, ada):
        token = make_token("events.write", ["agent"], employee=ada)
        actions.withdraw(subject_id=ada.pk, purpose_key="train", path="/choices/")
        assert send(client, token, make_batch(None, [move()])).status_code == 201
        (told,) = devices.noisy()
        assert str(ada.pk) not in told
        assert told.startswith("client:")

    def test_they_are_not_told_for_ever(self, laptop, sends, ada):
        withdraw(ada)
        sends(laptop, [move()])
        StillSending.objects.update(day=timezone.now().date() - timedelta(days=8))
        assert devices.noisy() == []


class TestSealed:
    def test_neither_times_nor_days_nor_counts_stand_in_clear(self, laptop, sends, asks, ada):
        sends(laptop, [move()])
        withdraw(ada)
        sends(laptop, [move()])
        asks(laptop)
        row = Sender.objects.values().get()
        clear = {name: value for name, value in row.items() if name not in ("sealed", "id")}
        assert clear == {
            "subject_id": ada.pk,
            "writer": row["writer"],
            "source": "agent",
            "waiting": False,
        }
        assert b"train" not in bytes(row["sealed"])

    def test_it_cannot_be_moved_to_another_device(self, laptop, sends, ada):
        sends(laptop, [move()])
        withdraw(ada)
        row = Sender.objects.get()
        row.writer = "client:another"
        with pytest.raises(Exception, match="damaged"):
            devices.opened(row)


def test_the_person_reads_it_in_plain_words(laptop, sends, asks, ada):
    sends(laptop, [move()])
    withdraw(ada)
    (line,) = devices_said.after_stops(ada.pk)["train"]
    assert (line.name, line.state) == ("Desktop agent, for Agent", "has not confirmed")
    asks(laptop)
    (line,) = devices_said.after_stops(ada.pk)["train"]
    assert line.state == "confirmed"
    assert "It confirmed at" in line.says[0]
    sends(laptop, [move()])
    (line,) = devices_said.after_stops(ada.pk)["train"]
    assert line.state == "still sends"
    assert "dropped on arrival" in line.says[-1]


def test_a_copy_holds_all_that_is_written_down(laptop, sends, asks, ada):
    t = now_ms()
    sends(laptop, [move(t)])
    withdraw(ada)
    sends(laptop, [move()])
    asks(laptop)
    (row,) = devices.written(ada.pk)
    found = only(ada)
    assert row == {
        "device": "Desktop agent",
        "source": "agent",
        "purpose": "train",
        "ended_at": row["ended_at"],
        "last_event": found.last_event.isoformat(),
        "asked_after": found.confirmed_at.isoformat(),
        "sent_unpermitted_on": [found.still_sending_days[0].isoformat()],
    }
