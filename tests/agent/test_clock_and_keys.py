"""Times that a pause can be held against, and keys that spell nothing."""

from __future__ import annotations

import time
from email.utils import formatdate

import pytest

from portal.agent import keys
from portal.agent.clock import Clock, Sleep
from portal.agent.permits import read

HOUR = 3_600_000


@pytest.fixture
def wall(monkeypatch):
    """A wall clock that is set by hand, in milliseconds."""
    clock = {"ms": 1_800_000_000_000}
    monkeypatch.setattr(time, "time_ns", lambda: clock["ms"] * 1_000_000)
    return clock


def test_a_small_step_back_stops_the_clock_and_a_large_one_is_followed(wall):
    clock = Clock()
    first = clock.now()
    wall["ms"] -= 1_500
    assert clock.now() == first
    wall["ms"] += 1_600
    assert clock.now() == first + 100
    wall["ms"] -= HOUR
    assert clock.now() == first + 100 - HOUR


def test_after_sleep_it_is_as_late_as_it_is(wall):
    clock = Clock()
    first = clock.now()
    wall["ms"] += 8 * HOUR
    assert clock.now() == first + 8 * HOUR


def test_sleep_and_a_clock_that_is_set_are_noticed_once(wall, monkeypatch):
    running = {"seconds": 50.0}
    monkeypatch.setattr(time, "monotonic", lambda: running["seconds"])
    sleep = Sleep()
    running["seconds"] += 30
    wall["ms"] += 30_000
    assert not sleep.noticed()
    wall["ms"] += HOUR
    assert (sleep.noticed(), sleep.noticed()) == (True, False)
    wall["ms"] -= HOUR
    assert (sleep.noticed(), sleep.noticed()) == (True, False)


def test_a_wrong_clock_is_put_right_by_the_portals(wall):
    clock = Clock()
    right = formatdate(wall["ms"] / 1000 + 3600, usegmt=True)
    clock.compare(right, 0.1)
    assert clock.now() == wall["ms"] + HOUR
    wall["ms"] += HOUR  # its owner corrects it
    clock.compare(right, 0.1)
    assert clock.now() == wall["ms"]


@pytest.mark.parametrize(("date", "took"), [("", 0.1), ("yesterday", 0.1), ("Fri, 15 Jan 2027 20:00:00 GMT", 3.0)])
def test_what_says_nothing_of_the_time_changes_nothing(wall, date, took):
    clock = Clock()
    clock.compare(date, took)
    assert clock.now() == wall["ms"]


@pytest.mark.parametrize(
    ("character", "kind", "code"),
    [
        ("a", "Letter", "KeyA"),
        ("Z", "Letter", "KeyZ"),
        ("ß", "Letter", "Unidentified"),
        ("я", "Letter", "Unidentified"),
        ("7", "Digit", "Digit7"),
        ("&", "Mark", "Digit7"),
        ("?", "Mark", "Slash"),
        ("€", "Mark", "Unidentified"),
        ("\x03", "Letter", "KeyC"),
        ("", "Other", "Unidentified"),
    ],
)
def test_a_key_that_types_is_told_by_its_kind(character, kind, code):
    assert (keys.kind_of_character(character), keys.code_of_character(character)) == (kind, code)


@pytest.mark.parametrize(
    ("name", "code", "kind"),
    [
        ("ctrl_l", "ControlLeft", "Modifier"),
        ("caps_lock", "CapsLock", "Modifier"),
        ("page_up", "PageUp", "Arrow"),
        ("backspace", "Backspace", "Delete"),
        ("f12", "F12", "Function"),
        ("esc", "Escape", "Escape"),
        ("media_volume_mute", "AudioVolumeMute", "Other"),
    ],
)
def test_a_key_that_types_nothing_has_its_w3c_name(name, code, kind):
    assert (keys.code_of_name(name), keys.kind_of(code)) == (code, kind)


def test_what_is_not_said_to_be_allowed_is_not():
    assert read({}, {}).allowed == frozenset()
    assert read({"categories": {"scrolling": {"allowed": "yes"}, "app_usage": None}}, {}).allowed == frozenset()


def test_a_list_of_apps_hides_all_others():
    said = read({"categories": {}, "apps": {"blocked": ["Mail"], "allowed": ["Editor", "Mail"]}}, {})
    assert [said.hides(app) for app in ("editor", "MAIL", "Browser", "unknown")] == [False, True, True, True]
