"""The agent's own process on a real screen, with a real hand at mouse and keyboard, against the real portal."""

from __future__ import annotations

import json
import signal
import time
from datetime import timedelta

import pytest
from allauth.idp.oidc.models import Token
from django.utils import timezone

from consent import actions
from portal.agent.queue import Queue
from portal.agent.sealed import box
from portal.events import devices, reading
from tests.agent.desktop import QUICK, Cable, eventually
from tests.makers import make_collector, make_flow, make_permitted, make_purpose

pytestmark = [pytest.mark.django_db(transaction=True, databases=["default", "keys"])]


def stored(employee):
    """Return all that is kept of a person, in the order in which it was recorded."""
    days = [reading.table(employee.pk, day) for day in reading.stored_days(employee.pk)]
    return sorted((row for day in days for row in day.to_pylist()), key=lambda row: row["seq"])


def of(rows, *types):
    return [row for row in rows if row["type"] in types]


def test_what_hand_and_keyboard_do_arrives_and_no_character_with_it(enrolled, desktop, ada):
    desktop.window("Browser", "Zebra crossing - Browser")
    enrolled.start().listens()
    desktop.do("mousemove 100 120 sleep 0.03", "mousemove 300 220 sleep 0.03", "click 1 click 3", "click 5 click 4")
    desktop.do("type --delay 1 Zk7!", "key Return Left F5")
    enrolled.sends_all()
    rows = stored(ada)
    assert [(row["x"], row["y"]) for row in of(rows, "pointermove")][-1] == (300, 220)
    buttons = [(row["type"], row["button"]) for row in of(rows, "pointerdown", "pointerup")]
    assert buttons == [("pointerdown", 0), ("pointerup", 0), ("pointerdown", 2), ("pointerup", 2)]
    assert [row["deltaY"] for row in of(rows, "wheel")] == [1, -1]
    pressed = [row["code"] for row in of(rows, "keydown") if row["code"] != "Modifier"]
    assert pressed == ["Letter", "Letter", "Digit", "Mark", "Enter", "Arrow", "Function"]
    assert all(row.get("key") is None for row in rows)
    (focus,) = of(rows, "focus")
    assert (focus["app"], focus["title"]) == ("Browser", "Zebra crossing - Browser")
    assert {(row["screen_w"], row["screen_h"]) for row in of(rows, "pointerdown")} == {(1280, 800)}
    counters = sorted(row["seq"] for row in rows)
    assert counters == list(range(len(rows)))


def test_nothing_is_heard_before_the_portal_has_said_what_is_allowed(agent, desktop, ada, source):
    agent.enrol(make_collector(ada, source, state="waiting"))
    desktop.window("Browser", "A page")
    agent.start()
    said = agent.until(lambda said: said["state"] == "resting")
    desktop.do("mousemove 10 10 click 1 key a")
    assert (said["listeners"], said["allowed"]) == ([], [])
    assert set(said["refused"].values()) == {"device_waiting"}
    code, written = agent.say("status")
    assert code == 1
    assert "this device waits for your answer" in written
    assert agent.queued() == []


def test_without_a_screen_it_says_so(enrolled, desktop):
    desktop.window("Browser", "A page")
    enrolled.start(*QUICK, DISPLAY=":9999")
    enrolled.until(lambda said: said["state"] == "no_screen")
    code, written = enrolled.say("status")
    assert (code, "no screen that it can ask" in written, "Listening to: nothing" in written) == (1, True, True)


def test_a_pause_ends_listening_empties_the_queue_and_is_over_when_it_is_over(enrolled, desktop, ada):
    desktop.window("Browser", "A page")
    # As it is started without options: asking every four seconds, sending every ten.
    enrolled.start("--send-every", "10").listens()
    desktop.do("mousemove 5 5 sleep 0.05", "mousemove 50 60 click 1", "key a")
    enrolled.until(lambda said: said["queued"] >= 4)
    actions.pause(subject_id=ada.pk, until=timezone.now() + timedelta(hours=1))
    paused = time.monotonic()
    said = enrolled.until(lambda said: not said["listeners"])
    assert time.monotonic() - paused < 5
    assert (said["queued"], said["paused_until"] != "") == (0, True)
    assert enrolled.threads() == 2, "the one that asks and the one that sends"
    desktop.do("mousemove 70 80 click 1")
    assert list(enrolled.home.queue.iterdir()) == []
    assert stored(ada) == []


def test_after_a_withdrawal_it_only_hears_what_is_left(agent, desktop, ada):
    pointed = make_permitted(ada, ["pointer_movement"])
    make_flow(pointed, "keystroke_timing", "rhythm")
    make_purpose("rhythm", covers={"agent": ["keystroke_timing"]})
    actions.give(subject_id=ada.pk, purpose_key="rhythm", path="/choices/")
    agent.enrol(make_collector(ada, pointed))
    desktop.window("Browser", "A page")
    agent.start("--ask-every", "0.3").listens()
    desktop.do("mousemove 5 5 sleep 0.05 mousemove 50 60", "key a", "click 1")
    agent.until(lambda said: said["queued"] >= 4)
    actions.withdraw(subject_id=ada.pk, purpose_key="rhythm", path="/choices/")
    said = agent.until(lambda said: said["listeners"] == ["mouse"])
    assert said["allowed"] == ["pointer_movement"]
    desktop.do("key b", "mousemove 90 90")
    agent.stop()
    assert {event["type"] for event in agent.queued()} == {"pointermove"}


def test_hidden_apps_leave_no_trace_but_that_something_was_hidden(enrolled, desktop, ada):
    first = desktop.window("Browser", "A page")
    enrolled.start("--ask-every", "0.3").listens()
    desktop.do("key a")
    desktop.window("password SAFE", "Secret of Zebra")
    desktop.do("mousemove 33 44 click 1", "key b", "type c")
    desktop.window("Firefox", "Zebra - Mozilla Firefox Private Browsing")
    desktop.do("key d")
    desktop.give_focus(first)
    enrolled.until(lambda said: said["queued"] >= 5)
    time.sleep(0.6)
    desktop.do("key e")
    enrolled.stop()
    events = enrolled.queued()
    assert [event["type"] for event in events if event["type"][:3] == "key"] == ["keydown", "keyup"] * 2
    fronts = [event.get("private", event.get("app")) for event in of(events, "focus")]
    assert fronts == ["Browser", True, "Browser"]
    assert "Zebra" not in str(events)
    assert of(events, "pointermove", "pointerdown") == []


def test_text_is_taken_only_where_the_portal_allows_it(enrolled, desktop, ada):
    plain = desktop.window("Browser", "A page")
    enrolled.start().listens()
    desktop.do("type ab")
    desktop.window("editor", "A letter")
    enrolled.until(lambda said: said["text"])
    time.sleep(0.6)
    desktop.do("type --delay 1 K9!")
    desktop.give_focus(plain)
    desktop.do("type zz")
    enrolled.sends_all()
    typed = [(row["code"], row["key"]) for row in of(stored(ada), "keydown") if row["key"]]
    assert typed == [("KeyK", "K"), ("Digit9", "9"), ("Digit1", "!")]


def test_killed_at_any_time_it_loses_nothing_queued_and_sends_nothing_twice(enrolled, desktop, ada):
    desktop.window("Browser", "A page")
    steps = 0
    for send_every in ("10", "0.3"):
        enrolled.start("--ask-every", "0.3", "--send-every", send_every).listens()
        for _click in range(2):
            desktop.do("click 1")
            steps += 1
        # What is at most a moment old is not on disk yet.
        time.sleep(0.3)
        enrolled.stop(signal.SIGKILL)
    enrolled.start().listens()
    all_sent_or_empty = enrolled.until(lambda said: said["last_asked"] and not said["queued"])
    assert all_sent_or_empty["given_up"] == 0
    time.sleep(0.5)
    rows = stored(ada)
    assert len(of(rows, "pointerdown")) == len(of(rows, "pointerup")) == steps
    counters = [row["seq"] for row in rows]
    assert len(set(counters)) == len(counters)


def test_what_lies_on_disk_says_nothing(enrolled, desktop):
    desktop.window("Zebracorn", "Zebra crossing")
    enrolled.start("--send-every", "10").listens()
    desktop.do("click 1", "key a")
    enrolled.until(lambda said: said["queued"] >= 3)
    enrolled.stop()
    kept = {path: path.read_bytes() for path in enrolled.home.path.rglob("*") if path.is_file()}
    assert sum(path.suffix == ".batch" for path in kept) == 1
    for word in (b"Zebra", b"pointerdown", b"Letter", enrolled.origin.encode() + b'", "access"'):
        assert [path for path, content in kept.items() if word in content] == []
    assert {path.stat().st_mode & 0o077 for path in [*kept, enrolled.home.path, enrolled.home.queue]} == {0}
    assert "pointerdown" in {event["type"] for event in enrolled.queued()}


def test_a_device_that_was_ended_deletes_everything_and_stops(enrolled, desktop, ada):
    desktop.window("Browser", "A page")
    enrolled.start("--ask-every", "0.3").listens()
    desktop.do("click 1")
    enrolled.until(lambda said: said["queued"] >= 2)
    Token.objects.filter(user=ada).delete()
    assert enrolled.process.wait(timeout=5) == 4
    left = {path.name for path in enrolled.home.path.rglob("*") if path.is_file()}
    assert left == {"lock", "status.json"}
    code, written = enrolled.say("status")
    assert (code, "was ended by the portal" in written) == (4, True)
    assert enrolled.start().process.wait(timeout=10) == 4


def test_its_person_can_see_stop_and_leave(enrolled, desktop, ada):
    desktop.window("Browser", "A page")
    assert enrolled.say("status")[0] == 3
    enrolled.start("--ask-every", "0.3").listens()
    desktop.do("click 1")
    code, written = enrolled.say("status")
    assert code == 0
    for words in ("is recording", "Clicks: allowed", "Listening to: mouse, keyboard", "Last asked"):
        assert words in written
    assert json.loads(enrolled.say("status", "--json")[1])["exit"] == 0
    assert enrolled.say("run")[0] == 1  # one is enough
    assert enrolled.say("stop")[0] == 0
    assert enrolled.process.wait(timeout=5) == 0
    assert enrolled.say("status")[0] == 3
    assert enrolled.queued()
    assert enrolled.say("leave")[0] == 0
    assert not Token.objects.filter(user=ada, type="at").exists()
    assert {path.name for path in enrolled.home.path.rglob("*") if path.is_file()} == {"lock"}


def test_while_the_portal_is_away_it_keeps_and_then_sends_each_event_once(enrolled, desktop, ada, live_server):
    cable = Cable(int(live_server.url.rpartition(":")[2]))
    cable.plug()
    enrolled.origin = cable.origin
    enrolled.enrol(make_collector(ada))
    desktop.window("Browser", "A page")
    enrolled.start().listens()
    desktop.do("click 1")
    enrolled.sends_all()
    cable.pull()
    desktop.do("click 1 sleep 0.1 click 1")
    enrolled.until(lambda said: said["queued"] >= 4 and said["trouble"])
    assert enrolled.say("status")[0] == 0
    cable.plug()
    enrolled.until(lambda said: not said["queued"] and not said["trouble"])
    assert len(of(stored(ada), "pointerdown")) == 3
    assert [row["seq"] for row in stored(ada)] == list(range(7))
    actions.withdraw(subject_id=ada.pk, purpose_key="train", path="/choices/")
    devices.stopped(ada.pk, {"train"})
    enrolled.until(lambda said: not said["listeners"])
    eventually(lambda: all(each.confirmed_at for each in devices.after_stop(ada.pk, "train")))


def test_what_the_portal_will_never_take_does_not_hold_up_the_rest(enrolled, desktop, ada):
    queue = Queue(enrolled.home.queue, box(enrolled.home))
    now = time.time_ns() // 1_000_000
    queue.add(
        [{"t": now + at, "seq": n, "type": "wheel", "deltaX": 0, "deltaY": 1} for n, at in enumerate((0, 10**9, 1))]
    )
    desktop.window("Browser", "A page")
    enrolled.start()
    said = enrolled.until(lambda said: said["sent"] and not said["queued"])
    assert (said["given_up"], said["trouble"]) == (1, "")
    assert [row["seq"] for row in of(stored(ada), "wheel")] == [0, 2]
