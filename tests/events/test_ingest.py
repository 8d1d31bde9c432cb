"""What a batch comes to: kept, withheld and counted, and given back as it was sent."""

from __future__ import annotations

import gzip
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from consent import actions
from consent.models import LedgerState
from consent.values import Scope
from portal import planned
from portal.events import ingest, reading, values, volumes
from portal.events.models import BatchReceipt, Block, LastFocus
from portal.http import Problem
from portal.people.models import Employee
from tests.events.conftest import focus, key, move, now_ms
from tests.makers import make_batch, make_flow, make_permitted, make_purpose, make_source, make_token, send

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

ALL = [
    {"type": "pointermove", "x": -3, "y": 20000, "screen": [1920, 1080], "app": "mail"},
    {"type": "pointermove", "x": 1.25, "y": -0.5},
    {"type": "pointerdown", "x": 4, "y": 5.5, "button": 0},
    {"type": "pointerup", "x": 4, "y": 5, "button": 2, "seq": 9007199254740992},
    {"type": "wheel", "deltaX": 0, "deltaY": -53.3},
    {"type": "wheel", "deltaX": 0, "deltaY": 1, "x": 3, "y": 4.25},
    {"type": "keydown", "code": "KeyA", "key": "ä", "app": "editor"},
    {"type": "keyup", "code": "KeyA"},
    {"type": "focus", "app": "editor", "title": '=1+1 \U0001f600 \\ "quoted"', "private": False},
    {"type": "blur", "app": "editor"},
    {"type": "navigate", "url": "https://example.org/?q=a:b"},
]
ADDED = {"category", "source", "collector", "in_app", "purposes", "key_purposes", "screen_w", "screen_h"}


def stored(employee):
    return [row for day in reading.stored_days(employee.pk) for row in reading.page(employee.pk, day).rows]


def as_sent(row):
    sent = {name: value for name, value in row.items() if name not in ADDED}
    return sent | ({"screen": [row["screen_w"], row["screen_h"]]} if "screen_w" in row else {})


def exact(value):
    """Tell 1 from 1.0, which compare as equal."""
    return json.dumps(value, sort_keys=True)


def withheld(employee):
    found = {}
    for day in reading.days(employee.pk):
        for category, reasons in day.withheld.items():
            for reason, n in reasons.items():
                found[(category, reason)] = found.get((category, reason), 0) + n
    return found


class TestEveryField:
    def test_it_comes_back_as_it_was_sent(self, put, ada):
        t = now_ms() // 1000 * 1000 + 1000
        events = [{"t": t + place, **each} for place, each in enumerate(ALL)]
        answer = put(events)
        assert answer.status_code == 201, answer.content
        assert answer.json()["stored"] == len(ALL)
        # Keystrokes are timed to the second here, which also decides their place.
        for event in events:
            event["t"] -= event["t"] % 1000 if event["type"].startswith("key") else 0
        found = [as_sent(row) for row in stored(ada)]
        assert sorted(map(exact, found)) == sorted(map(exact, events))

    def test_it_comes_back_so_from_a_segment_and_as_a_table(self, put, ada, seal):
        t = now_ms() // 1000 * 1000 + 1000
        events = [{"t": t + place * 1000, **each} for place, each in enumerate(ALL)]
        put(events)
        before = stored(ada)
        seal()
        assert not Block.objects.exists()
        assert list(map(exact, stored(ada))) == list(map(exact, before))
        assert [exact(as_sent(row)) for row in before] == list(map(exact, events))
        whole = reading.table(ada.pk, reading.stored_days(ada.pk)[0])
        assert whole["x"].to_pylist()[:4] == [-3, 1.25, 4, 4]
        assert whole["seq"].to_pylist()[3] == 9007199254740992

    def test_whole_numbers_are_whole_in_a_table(self, put, ada):
        put([move(x=5, y=6)])
        assert str(reading.table(ada.pk, reading.stored_days(ada.pk)[0])["x"].type) == "int64"

    def test_keystrokes_are_timed_exactly_where_the_flow_says_so(self, client, ada):
        make_permitted(ada, ["keystroke_timing"], exact_timing=True)
        t = now_ms() // 1000 * 1000 + 1123
        send(client, make_token("events.write", ["agent"]), make_batch(ada, [key(t)]))
        assert stored(ada)[0]["t"] == t

    def test_the_strictest_purpose_decides_how_exact(self, client, ada):
        source = make_permitted(ada, ["keystroke_timing"], exact_timing=True)
        make_flow(source, "keystroke_timing", "study")
        make_purpose("study", covers={"agent": ["keystroke_timing"]})
        actions.give(subject_id=ada.pk, purpose_key="study", path="/")
        t = now_ms() // 1000 * 1000 + 1123
        send(client, make_token("events.write", ["agent"]), make_batch(ada, [key(t)]))
        assert stored(ada)[0]["t"] == t - 123
        assert stored(ada)[0]["purposes"] == "study,train"


class TestWithholding:
    def test_stored_and_withheld_make_up_what_was_sent(self, client, ada):
        make_permitted(ada, ["pointer_movement", "keystroke_timing"])
        events = [{"t": now_ms() + place, **each} for place, each in enumerate(ALL)]
        answer = send(client, make_token("events.write", ["agent"]), make_batch(ada, events)).json()
        assert answer["stored"] == 4
        assert answer["withheld"] == {
            "pointer_clicks": 2,
            "scrolling": 2,
            "app_usage": 2,
            "web_navigation": 1,
        }
        assert answer["stripped"] == {"keystroke_content": 1}

    def test_without_any_yes_nothing_is_kept_but_that_the_device_sends(self, client, ada):
        make_source(flows=[("pointer_movement", "train")])
        make_purpose("train", covers={"agent": ["pointer_movement"]})
        token = make_token("events.write", ["agent"])
        body, batch = make_batch(ada, [move(), move()]), uuid.uuid4()
        first = send(client, token, body, batch)
        assert (first.status_code, first.json()["withheld"]) == (201, {"pointer_movement": 2})
        assert stored(ada) == []
        assert withheld(ada) == {}
        assert list(reading.still_sending(ada.pk).values()) == [("agent",)]
        again = send(client, token, body, batch)
        assert (again.status_code, again.json()) == (200, first.json())
        volumes.fold_all()
        assert not Block.objects.exists()
        assert list(reading.still_sending(ada.pk).values()) == [("agent",)]

    def test_what_was_before_the_yes_is_withheld(self, put, ada):
        assert put([move(now_ms() - 60_000)]).json()["withheld"] == {"pointer_movement": 1}
        assert withheld(ada) == {("pointer_movement", "before_grant"): 1}

    def test_what_is_in_a_pause_is_withheld(self, put, ada):
        actions.pause(subject_id=ada.pk, until=timezone.now() + timedelta(hours=1))
        assert put([move(now_ms() + 5)]).json()["stored"] == 0
        assert withheld(ada) == {("pointer_movement", "paused"): 1}

    def test_what_is_restricted_is_withheld(self, put, ada):
        actions.restrict(subject_id=ada.pk, scope=Scope(categories=frozenset({"pointer_movement"})))
        answer = put([move(), key()]).json()
        assert (answer["stored"], answer["withheld"]) == (1, {"pointer_movement": 1})
        assert withheld(ada) == {("pointer_movement", "restricted"): 1}

    def test_what_lies_behind_a_fence_is_withheld(self, put, ada):
        now = now_ms()
        scope = Scope(categories=frozenset({"pointer_movement"}))
        actions.fence(subject_id=ada.pk, key="f", scope=scope, asked_ms=now + 1000, key_epoch=1)
        answer = put([move(now + 999), move(now + 1000)]).json()
        assert (answer["stored"], answer["withheld"]) == (1, {"pointer_movement": 1})
        assert withheld(ada) == {("pointer_movement", "erased"): 1}

    def test_what_is_outside_working_hours_is_withheld(self, client, ada):
        make_permitted(ada, ["pointer_movement"], off_hours=False)
        local = timezone.now().astimezone(UTC) - timedelta(hours=3)
        hours = f"Mo-Su {local:%H:%M}-{local + timedelta(hours=1):%H:%M}"
        Employee.objects.filter(pk=ada.pk).update(working_hours=hours, time_zone="UTC")
        answer = send(client, make_token("events.write", ["agent"]), make_batch(ada, [move()])).json()
        assert answer["withheld"] == {"pointer_movement": 1}
        assert withheld(ada) == {("pointer_movement", "off_hours"): 1}

    def test_without_known_hours_none_are_off(self, client, ada):
        make_permitted(ada, ["pointer_movement"], off_hours=False)
        assert send(client, make_token("events.write", ["agent"]), make_batch(ada, [move()])).json()["stored"] == 1

    def test_after_a_withdrawal_nothing_more_is_stored(self, put, ada):
        put([move()])
        actions.withdraw(subject_id=ada.pk, purpose_key="train", path="/")
        assert put([move()]).json()["stored"] == 0
        assert len(stored(ada)) == 1

    def test_a_former_employee_is_not_observed(self, put, ada):
        actions.deactivate(subject_id=ada.pk)
        assert put([move()]).json()["stored"] == 0

    def test_an_event_is_kept_for_the_purposes_that_permit_it_alone(self, put, ada, agent):
        make_flow(agent, "pointer_movement", "study")
        make_purpose("study", covers={"agent": ["pointer_movement"]})
        put([move()])
        actions.give(subject_id=ada.pk, purpose_key="study", path="/")
        put([move(now_ms() + 5)])
        assert [row["purposes"] for row in stored(ada)] == ["train", "study,train"]

    def test_a_purpose_that_lost_its_flow_keeps_nothing(self, put, ada, agent):
        agent.flows.filter(category="pointer_movement").update(state="retired")
        assert put([move(), key()]).json()["withheld"] == {"pointer_movement": 1}

    def test_old_recordings_come_in_by_import_alone(self, client, ada):
        make_permitted(ada, ["pointer_movement"], source="tape", kind="import")
        Employee.objects.filter(pk=ada.pk).update(working_hours="Mo 00:00-00:01", time_zone="UTC")
        token = make_token("events.write", ["tape"])
        answer = send(client, token, make_batch(ada, [move(1_600_000_000_000)], source="tape"))
        assert answer.json()["stored"] == 1
        assert reading.stored_days(ada.pk) == [datetime(2020, 9, 13, tzinfo=UTC).date()]


class TestFocus:
    def test_typed_text_is_kept_for_listed_apps_alone(self, put, ada):
        t = now_ms() // 1000 * 1000 + 1000
        answer = put(
            [
                key(t, key="a"),
                focus("editor", t + 1000),
                key(t + 2000, key="b"),
                focus("chat", t + 3000),
                key(t + 4000, key="c"),
                key(t + 5000, key="d", app="editor"),
            ]
        ).json()
        assert answer["stripped"] == {"keystroke_content": 2}
        assert [row.get("key") for row in stored(ada) if row["type"] == "keydown"] == [None, "b", None, "d"]

    def test_typed_text_is_dropped_where_no_flow_takes_it(self, client, ada):
        make_permitted(ada, ["keystroke_timing"])
        answer = send(client, make_token("events.write", ["agent"]), make_batch(ada, [key(key="a", app="editor")]))
        assert answer.json() | {"batch": 0} == {
            "batch": 0,
            "stored": 1,
            "withheld": {},
            "stripped": {"keystroke_content": 1},
        }
        assert "key" not in stored(ada)[0]

    def test_an_event_belongs_to_the_app_in_front_in_a_later_batch_too(self, put, ada):
        t = now_ms()
        put([focus("mail", t), move(t + 1)])
        put([move(t + 2), move(t + 3, app="chat")])
        assert [row.get("in_app") for row in stored(ada)] == ["mail", "mail", "mail", "chat"]
        assert [row.get("app") for row in stored(ada)] == ["mail", None, None, "chat"]

    def test_the_order_is_of_time_and_not_of_place(self, put, ada):
        t = now_ms()
        put([move(t + 5), focus("mail", t + 3), move(t + 1)])
        assert [row.get("in_app") for row in stored(ada)] == [None, "mail", "mail"]

    @pytest.mark.parametrize("front", [{"app": "bank"}, {"app": "mail", "private": True}, {"private": True}])
    def test_nothing_is_kept_while_a_blocked_or_private_window_is_in_front(self, client, ada, front):
        make_permitted(ada, blocked_apps=["bank"])
        token, t = make_token("events.write", ["agent"]), now_ms()

        def put(*events):
            return send(client, token, make_batch(ada, list(events))).json()

        assert put({"t": t + 1, "type": "focus", **front}, move(t + 2), move(t + 3, app="mail"))["stored"] == 0
        assert put(move(t + 4))["stored"] == 0, "the next batch goes on from it"
        assert put(focus("mail", t + 6), move(t + 7))["stored"] == 2
        assert put(move(t + 5))["withheld"] == {"pointer_movement": 1}, "a batch that comes late belongs to then"
        assert put(move(t))["stored"] == 1, "before it nothing was hidden"
        assert {reason for _category, reason in withheld(ada)} == {"blocked_app"}

    def test_an_event_that_names_a_blocked_app_is_dropped(self, client, ada):
        make_permitted(ada, blocked_apps=["bank"])
        events = [move(app="bank"), move()]
        assert send(client, make_token("events.write", ["agent"]), make_batch(ada, events)).json()["stored"] == 1

    def test_another_collector_has_its_own_window_in_front(self, client, ada, put):
        t = now_ms()
        put([focus("mail", t)])
        other = make_token("events.write", ["agent"])
        send(client, other, make_batch(ada, [move(t + 1)]))
        assert "in_app" not in stored(ada)[1]

    def test_the_app_of_a_withheld_focus_event_is_kept_nowhere(self, client, ada):
        make_permitted(ada, ["pointer_movement"])
        t, token = now_ms(), make_token("events.write", ["agent"])
        send(client, token, make_batch(ada, [focus("diary", t), move(t + 1)]))
        send(client, token, make_batch(ada, [move(t + 2)]))
        assert [row.get("in_app") for row in stored(ada)] == [None, None]


class TestRepeats:
    def test_the_same_bytes_get_the_first_answer_and_store_nothing(self, client, token, ada):
        batch, events = uuid.uuid4(), [move(), move(now_ms() - 60_000)]
        body = json.dumps(make_batch(ada, events)).encode()
        first = send(client, token, body, batch)
        again = send(client, token, body, batch)
        assert (first.status_code, again.status_code) == (201, 200)
        assert first.json() == again.json()
        assert len(stored(ada)) == 1

    def test_other_bytes_under_the_same_id_are_refused(self, put, ada):
        batch = uuid.uuid4()
        put([move()], batch=batch)
        assert put([move(x=9)], batch=batch).status_code == 409
        assert len(stored(ada)) == 1

    def test_it_holds_after_sealing(self, client, token, ada, seal):
        batch, body = uuid.uuid4(), json.dumps(make_batch(ada, [move()])).encode()
        first = send(client, token, body, batch)
        seal()
        assert send(client, token, body, batch).json() == first.json()
        assert send(client, token, body + b" ", batch).status_code == 409
        assert len(stored(ada)) == 1

    def test_it_holds_when_the_events_have_become_too_old(self, ada, agent):
        def late(days):
            event = values.Pointermove(t=now, x=1, y=2)
            arrived = timezone.now() + timedelta(days=days)
            whose = {"writer": "client:x", "batch_id": batch, "source": agent, "employee": ada}
            return ingest.accept(**whose, raw=b"same", events=[event], arrived=arrived, imported=False)

        batch, now = uuid.uuid4(), now_ms()
        assert not late(days=0).replayed
        assert late(days=31).replayed
        batch = uuid.uuid4()
        with pytest.raises(Problem):
            late(days=31)

    def test_ids_are_each_senders_own(self, client, put, ada):
        batch = uuid.uuid4()
        put([move()], batch=batch)
        other = make_token("events.write", ["agent"])
        assert send(client, other, make_batch(ada, [move(x=8)]), batch).status_code == 201

    def test_gzip_and_plain_are_the_same_bytes(self, client, token, ada):
        batch, body = uuid.uuid4(), json.dumps(make_batch(ada, [move()])).encode()
        send(client, token, body, batch)
        again = send(client, token, gzip.compress(body), batch, content_encoding="gzip")
        assert again.status_code == 200

    def test_receipts_go_a_month_after_their_data_was_sealed_away(self, put, ada, seal):
        put([move()])
        today = timezone.now().date()
        assert not BatchReceipt.objects.forgettable(today + timedelta(days=400)).exists(), "its block still waits"
        seal()
        assert not BatchReceipt.objects.forgettable(today + timedelta(days=30)).exists()
        assert BatchReceipt.objects.forgettable(today + timedelta(days=31)).count() == 1

    def test_receipts_of_imports_stay(self, client, ada, seal):
        make_permitted(ada, ["pointer_movement"], source="tape", kind="import")
        send(client, make_token("events.write", ["tape"]), make_batch(ada, [move(1000)], source="tape"))
        seal()
        assert not BatchReceipt.objects.forgettable(timezone.now().date() + timedelta(days=4000)).exists()


class TestOneBatch:
    def test_it_is_split_by_the_persons_own_days(self, client, ada):
        make_permitted(ada, ["pointer_movement"], source="tape", kind="import")
        Employee.objects.filter(pk=ada.pk).update(time_zone="Europe/Berlin")
        midnight = round(datetime(2024, 3, 9, 23, tzinfo=UTC).timestamp() * 1000)  # in Berlin
        events = [move(midnight - 1), move(midnight)]
        send(client, make_token("events.write", ["tape"]), make_batch(ada, events, source="tape"))
        assert [str(day) for day in reading.stored_days(ada.pk)] == ["2024-03-09", "2024-03-10"]

    def test_it_costs_few_queries(self, client, put, token, ada, django_assert_num_queries):
        put([move()])  # a connection plans its statements once
        body = make_batch(ada, [move() for _ in range(500)])
        # token, what is known with the gate, receipt with blocks under the gate's lock
        with django_assert_num_queries(3):
            send(client, token, body)
        # and in one transaction with it the last window: locked, written
        put([focus("mail")])
        with django_assert_num_queries(7):
            put([focus("chat"), move()])

    def test_it_is_taken_where_a_proxy_shares_connections(self, put):
        put([move()])
        planned.forget()
        assert put([move()]).json()["stored"] == 1, "the statements are there, though not by us"
        assert put([move()]).json()["stored"] == 1
        with connection.cursor() as cursor:
            cursor.execute("DEALLOCATE ALL")
        assert put([move()]).json()["stored"] == 1, "they are gone, though they were made by us"
        assert put([move()]).json()["stored"] == 1

    def test_nothing_at_all_is_a_batch_too(self, put):
        assert put([]).json()["stored"] == 0

    def test_a_closed_site_takes_nothing(self, put, ada):
        LedgerState.objects.update(closed_reason="tampered")
        answer = put([move()])
        assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
        assert not Block.objects.exists()

    def test_nothing_in_the_clear_says_what_was_sent(self, put, ada):
        put([focus("secret-app", title="secret-title"), key(code="KeyQ", key="q", app="editor")])
        volumes.fold_all()
        for model in (Block, BatchReceipt, LastFocus):
            assert model.objects.exists()
            for row in model.objects.values_list():
                text = repr(row)
                assert not any(word in text for word in ("secret", "KeyQ", "editor", "keystroke"))
