"""Every published recording that there is beside the repository, counted by somebody else and read by us."""

from __future__ import annotations

import json
import os
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from portal.events.importers.base import read
from portal.events.importers.formats import FORMATS

FILES = Path(os.environ.get("DAYLIGHT_RECORDINGS") or Path(__file__).resolve().parents[3] / "shared" / "data")
COUNTS = FILES / "expected_counts.json"
START = 1_760_000_000_000
FORMAT_OF = {"balabit": "balabit", "idfx": "idfx", "iweb": "iweb", "rrweb": "rrweb"}

# All of them take half a minute; without the variable the shortest sessions have to do.
MOST = None if os.environ.get("DAYLIGHT_RECORDINGS") else 12
# Not all of them may be passed on, so they are not in the repository: where they are absent there is nothing to check.
pytestmark = pytest.mark.skipif(not COUNTS.is_file(), reason=f"no recordings in {FILES}: set DAYLIGHT_RECORDINGS")


@cache
def counted(kind):
    sessions = json.loads(COUNTS.read_text())["sessions"]
    found = [(FILES / name, each) for name, each in sessions.items() if each["kind"] == kind]
    return sorted(found, key=lambda each: each[1]["records"])[:MOST]


def whole(path, name, **over):
    got = read(path, FORMATS[name], None if FORMATS[name].dated else START, **over)
    assert got.taken + got.set_aside.total() == got.records
    return got


def test_every_row_of_a_balabit_session_is_accounted_for():
    for path, expected in counted("balabit"):
        got, kinds = whole(path, "balabit"), Counter(expected["kinds"])
        assert got.digest == expected["sha256"]
        assert got.records == expected["records"]
        assert got.set_aside == Counter(no_position=expected["sentinel_rows"])
        assert got.parts == Counter(no_position=expected["scroll_rows_at_origin"])
        assert got.types["pointermove"] == kinds["move"] + kinds["drag"] - expected["sentinel_rows"]
        assert (got.types["pointerdown"], got.types["pointerup"]) == (kinds["button_down"], kinds["button_up"])
        assert got.types["wheel"] == kinds["scroll"]
        assert got.events[-1]["t"] - START == round(expected["record_clock"]["last"] * 1000)


def test_every_event_of_every_idfx_log_is_accounted_for():
    for path, expected in counted("idfx"):
        got = whole(path, "idfx", participant=expected["participant_header"])
        assert got.digest == expected["sha256"]
        assert got.records == expected["records"]
        assert got.taken == got.types["keydown"] == got.types["keyup"] == expected["keyboard_events"]
        by_type = Counter(expected["by_type"])
        assert got.set_aside == Counter(text_replaced=by_type["replacement"], text_inserted=by_type["insert"])
        codes = Counter(event["code"] for event in got.events if event["type"] == "keydown")
        assert (codes["Backspace"], codes["Enter"]) == (expected["backspace"], expected["return"])
        presses = [event["t"] for event in got.events if event["type"] == "keydown"]
        steps = [later - earlier for earlier, later in zip(presses, presses[1:], strict=False)]
        assert sum(step > 2000 for step in steps) == expected["pauses_over_2s"]


def test_each_participant_of_iweb_has_exactly_their_presses():
    ((path, expected),) = counted("iweb")
    for who, one in expected["participants"].items():
        got = whole(path, "iweb", participant=who)
        assert got.records == expected["records"]
        assert got.taken == one["records"]
        assert got.set_aside == {"other_participant": expected["records"] - one["records"]}
        assert (got.types["pointerdown"], got.types["pointerup"]) == (one["downs"], one["ups"])
        assert got.parts["unknown_token"] == one["unparsed"]
        assert min(event["t"] for event in got.events) == one["first_ms"]


def test_the_rrweb_session_is_its_pointer_its_presses_and_its_page():
    ((path, expected),) = counted("rrweb")
    got = whole(path, "rrweb")
    assert got.digest == expected["sha256"]
    assert got.records == expected["records"]
    assert got.types["pointermove"] == expected["mouse_positions"]
    assert got.types["wheel"] + got.set_aside["first_scroll_place"] == expected["scrolls"]
    assert got.set_aside["page_change"] == expected["by_source"]["0"]
    assert got.set_aside["click"] == expected["clicks"]
    assert [event["url"] for event in got.events if event["type"] == "navigate"] == expected["hrefs"]


def test_both_desktop_recordings_come_whole():
    for path, expected in counted("jsonl_recorder"):
        got = whole(path, "opencua" if "opencua" in str(path) else "ducktrack")
        assert got.digest == expected["sha256"]
        assert got.records == got.taken == expected["records"]
