"""Recordings are read as they really are: no record is lost without being counted, and no bad line ends the reading."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from portal.events.importers.base import read
from portal.events.importers.formats import FORMATS
from portal.events.importers.source import Unreadable

RECORDINGS = Path(__file__).resolve().parents[2] / "portal" / "demo" / "recordings"
START = 1_760_000_000_000
# From the counts published with the recordings, made by another reader.
DUCKTRACK = {"move": 13163, "scroll": 140, "down": 22, "up": 22, "press": 27, "release": 27}
OPENCUA = {"move": 4034, "scroll": 19, "down": 21, "up": 21, "press": 3, "release": 1}
TYPES = {
    "move": "pointermove",
    "scroll": "wheel",
    "down": "pointerdown",
    "up": "pointerup",
    "press": "keydown",
    "release": "keyup",
}


def lines(tmp_path, *records, raw=b""):
    path = tmp_path / "events.jsonl"
    path.write_bytes(raw + b"".join(json.dumps(record).encode() + b"\n" for record in records))
    return path


def move(at=10.0, **over):
    return {"time_stamp": at, "action": "move", "x": 1, "y": 2, **over}


@pytest.mark.parametrize(
    ("name", "counts", "seconds"), [("ducktrack", DUCKTRACK, 32.502), ("opencua", OPENCUA, 116.166)]
)
def test_every_record_of_a_real_recording_becomes_an_event(name, counts, seconds):
    got = read(RECORDINGS / name / "events.jsonl.gz", FORMATS[name], START)
    assert got.records == sum(counts.values())
    assert Counter(event["type"] for event in got.events) == {TYPES[kind]: n for kind, n in counts.items()}
    assert not got.set_aside
    assert got.events[0]["t"] == START
    assert got.events[-1]["t"] == START + round(seconds * 1000)


def test_the_numbers_of_a_real_recording_come_through(tmp_path):
    got = read(RECORDINGS / "ducktrack" / "events.jsonl.gz", FORMATS["ducktrack"], START)
    assert sum(event["deltaY"] for event in got.events if event["type"] == "wheel") == -140
    assert got.events[0] == {"t": START, "type": "pointermove", "x": 1175.421875, "y": 50.421875}


def test_a_packed_file_is_the_same_recording_as_its_plain_copy(tmp_path):
    packed = RECORDINGS / "opencua" / "events.jsonl.gz"
    plain = tmp_path / "misnamed.gz"
    plain.write_bytes(gzip.decompress(packed.read_bytes()))
    one, other = (read(path, FORMATS["opencua"], START) for path in (packed, plain))
    assert one.digest == other.digest
    assert one.events == other.events


def test_it_counts_what_it_sets_aside_and_goes_on(tmp_path):
    path = lines(
        tmp_path,
        move(10.0),
        {"time_stamp": 10.1, "action": "pause"},
        {"time_stamp": 10.2, "action": "resume"},
        {"time_stamp": 10.3, "action": "yodel"},
        ["a list"],
        move("10.4"),
        move(float("nan")),
        move(10.5, x=None),
        move(10.6, y=2**60),
        move(True),
        move(1.472007e12),
        {"time_stamp": 10.7, "action": "click", "x": 1, "y": 1, "button": "left", "pressed": "yes"},
        {"time_stamp": 10.8, "action": "click", "x": 1, "y": 1, "button": "nose", "pressed": True},
        {"time_stamp": 10.9, "action": "press", "name": "a\0b"},
        {"time_stamp": 10.9, "action": "press", "name": "x" * 5000},
        {"time_stamp": 10.9, "action": ["move"], "x": 1, "y": 1},
        move(11.0),
    )
    with path.open("ab") as file:
        file.write(b'{"time_stamp": 11.1, "action": "mo\n\xff\xfe\n\n   \n' + b"[" * 5000 + b"\n")
        file.write(json.dumps(move(11.5)).encode())
    got = read(path, FORMATS["ducktrack"], START)
    assert [event["t"] - START for event in got.events] == [0, 1000, 1500]
    assert got.set_aside == {
        "marker": 2,
        "unknown_action": 2,
        "not_an_object": 1,
        "bad_time_stamp": 2,
        "not_json": 4,
        "bad_x": 1,
        "bad_y": 1,
        "time_out_of_range": 1,
        "bad_pressed": 1,
        "bad_button": 1,
        "bad_name": 2,
    }
    assert got.records == len(got.events) + sum(got.set_aside.values())


def test_a_first_line_with_a_byte_order_mark_is_read(tmp_path):
    got = read(lines(tmp_path, move(), raw=b"\xef\xbb\xbf"), FORMATS["ducktrack"], START)
    assert (got.records, len(got.events)) == (1, 1)


def test_all_times_keep_their_distance_from_the_first_even_backwards(tmp_path):
    got = read(lines(tmp_path, move(10.0), move(9.5), move(10.0)), FORMATS["ducktrack"], START)
    assert [event["t"] - START for event in got.events] == [0, -500, 0]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a", {"code": "KeyA", "key": "a"}),
        ("T", {"code": "KeyT", "key": "T"}),
        ("7", {"code": "Digit7", "key": "7"}),
        ("?", {"code": "Slash", "key": "?"}),
        ("\\", {"code": "Backslash", "key": "\\"}),
        ("ü", {"code": "Unidentified", "key": "ü"}),
        ("enter", {"code": "Enter", "key": "Enter"}),
        ("space", {"code": "Space", "key": " "}),
        ("ctrl_l", {"code": "ControlLeft", "key": "Control"}),
        ("f12", {"code": "F12", "key": "F12"}),
        ("\x13", {"code": "KeyS"}),
        ("", {"code": "Unidentified"}),
        (None, {"code": "Unidentified"}),
        ("warp_drive", {"code": "Unidentified", "key": "warp_drive"}),
    ],
)
def test_keys_are_named_as_the_web_names_them(tmp_path, name, expected):
    path = lines(tmp_path, {"time_stamp": 1, "action": "press", "name": name})
    assert read(path, FORMATS["opencua"], START).events == [{"t": START, "type": "keydown", **expected}]


def test_the_recorders_own_counter_is_kept(tmp_path):
    path = lines(tmp_path, move(event_idx=7), move(event_idx=-1), move())
    got = read(path, FORMATS["opencua"], START)
    assert [event.get("seq") for event in got.events] == [7, None]
    assert got.set_aside == {"bad_event_idx": 1}


@pytest.mark.parametrize(
    "damage", [b"\x1f\x8b\x08\x00broken", gzip.compress(b"{}\n" * 9999)[:-20]], ids=["header", "end"]
)
def test_a_damaged_archive_is_refused_as_a_whole(tmp_path, damage):
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(damage)
    with pytest.raises(Unreadable):
        read(path, FORMATS["ducktrack"], START)


def test_a_file_that_is_one_endless_line_is_refused(tmp_path):
    path = tmp_path / "video.mp4"
    path.write_bytes(b"x" * (2 << 20))
    with pytest.raises(Unreadable):
        read(path, FORMATS["ducktrack"], START)
