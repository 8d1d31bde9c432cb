"""No bytes end an importer otherwise than with its records counted or one clear error; what it makes, ingest takes."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.events.importers.base import read
from portal.events.importers.formats import FORMATS
from portal.events.importers.source import Unreadable
from portal.events.values import Event
from tests.events import test_formats as samples

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
NAMES = st.sampled_from(
    ["type", "data", "timestamp", "source", "positions", "x", "y", "timeOffset", "id", "href", "buckets", "events",
     "app", "title", "url", "duration", "incognito", "action", "time_stamp", "button", "pressed", "name", "dx", "dy"]
)  # fmt: skip
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)


@cache
def good(name):
    texts = {
        "activitywatch": json.dumps({"buckets": samples.BUCKETS}),
        "balabit": samples.HEAD + "0.0,0.0,NoButton,Move,10,20\n0.1,9.5,Left,Pressed,10,20\n0.2,1,Scroll,Down,0,0\n",
        "ducktrack": '{"time_stamp": 1.5, "action": "move", "x": 1, "y": 1}\n',
        "idfx": samples.log(samples.keystroke("VK_BACK", "&#x8;", 1500), samples.keystroke("VK_V", "long", 1600)),
        "iweb": (samples.SAMPLES / "iweb" / "raw_data.csv").read_text()[:700],
        "opencua": '{"time_stamp": 1.5, "action": "press", "name": "a", "event_idx": 3}\n',
        "rrweb": (samples.SAMPLES / "rrweb" / "events.js").read_text()[:2000],
    }
    return texts[name].encode()


def check(path: Path, name: str, content: bytes) -> None:
    path.write_bytes(content)
    for start in (None, samples.START):
        if start is None and not FORMATS[name].dated:
            continue
        try:
            got = read(path, FORMATS[name], start)
        except Unreadable as error:
            assert str(error).startswith(f"{path.name}: ")
            continue
        assert got.taken + got.set_aside.total() == got.records
        msgspec.convert(got.events, list[Event])


@pytest.mark.parametrize("name", sorted(FORMATS))
@QUICK
@given(content=st.binary(max_size=200))
def test_any_bytes(tmp_path, name, content):
    check(tmp_path / "file", name, content)


@pytest.mark.parametrize("name", sorted(FORMATS))
@QUICK
@given(at=st.integers(0, 3000), cut=st.integers(0, 40), put=st.binary(max_size=12))
def test_a_good_file_with_a_wound(tmp_path, name, at, cut, put):
    content = good(name)
    at %= len(content) + 1
    check(tmp_path / "file", name, content[:at] + put + content[at + cut :])


@pytest.mark.parametrize("name", ["activitywatch", "ducktrack", "opencua", "rrweb"])
@QUICK
@given(value=st.lists(ANYTHING, max_size=4), kind=st.sampled_from(["currentwindow", "web.tab.current", "x"]))
def test_any_json_where_a_record_should_stand(tmp_path, name, value, kind):
    text = json.dumps({"buckets": [{"type": kind, "events": value}]} if name == "activitywatch" else value)
    if name in ("ducktrack", "opencua"):
        text = "\n".join(json.dumps(each) for each in value)
    check(tmp_path / "file", name, text.encode())


@QUICK
@given(
    source=st.sampled_from([1, 2, 3, 6, 12]),
    numbers=st.lists(st.integers(-(2**60), 2**60) | st.floats(), min_size=5, max_size=5),
)
def test_any_numbers_in_a_page_recording(tmp_path, source, numbers):
    at, x, y, offset, element = numbers
    data = {"source": source, "type": 1, "x": x, "y": y, "id": 1, "positions": [{"x": x, "y": y, "timeOffset": offset}]}
    second = {**data, "x": y, "y": x, "id": element}
    check(
        tmp_path / "file",
        "rrweb",
        json.dumps([{"type": 3, "data": each, "timestamp": at} for each in (data, second)]).encode(),
    )
