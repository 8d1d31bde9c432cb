"""What each recorder's file becomes: nothing is lost without a reason, and no reason is counted twice."""

from __future__ import annotations

import codecs
import gzip
import json
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from portal.events.importers.base import Asked, read, survey
from portal.events.importers.formats import FORMATS
from portal.events.importers.source import Source, Unreadable

SAMPLES = Path(__file__).resolve().parent / "recordings"
START = 1_760_000_000_000
HEAD = "record timestamp,client timestamp,button,state,x,y\n"


def take(tmp_path, name, content, start=START, **over):
    path = tmp_path / "recording"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    got = read(path, FORMATS[name], None if FORMATS[name].dated else start, **over)
    assert got.taken + got.set_aside.total() == got.records
    assert got.types.total() == len(got.events)
    return got


def times(got):
    return [event["t"] - START for event in got.events]


# --- Balabit


def test_balabit_rows_become_moves_presses_and_clicks_of_the_wheel(tmp_path):
    rows = [
        "0.0,0.0,NoButton,Move,10,20",
        "0.0,0.0,NoButton,Move,10,20",
        "0.1,9.5,Left,Pressed,10,20",
        "0.25,0.2,NoButton,Drag,14,-3",
        "0.3,0.2,Left,Released,14,20",
        "0.4,0.2,Right,Pressed,1,2",
        "1.472007e+1,0.2,Scroll,Down,0,0",
        "14.8,0.2,Scroll,Up,5,6",
        "14.9,0.2,XButton,Pressed,1,2",
    ]
    got = take(tmp_path, "balabit", HEAD + "\n".join(rows))
    assert got.records == got.taken == 9
    assert times(got) == [0, 0, 100, 250, 300, 400, 14720, 14800, 14900]
    assert got.events[0] == got.events[1] == {"t": START, "type": "pointermove", "x": 10, "y": 20}
    assert got.events[3] == {"t": START + 250, "type": "pointermove", "x": 14, "y": -3}
    assert [event.get("button") for event in got.events] == [None, None, 0, None, 0, 2, None, None, 3]
    assert got.events[6] == {"t": START + 14720, "type": "wheel", "deltaX": 0, "deltaY": 1}
    assert got.events[7] == {"t": START + 14800, "type": "wheel", "deltaX": 0, "deltaY": -1, "x": 5, "y": 6}
    assert got.parts == {"no_position": 1}


def test_a_place_that_the_client_did_not_know_is_no_move(tmp_path):
    rows = ["0.0,0.0,NoButton,Move,65535,65535", "0.1,0.1,Left,Pressed,3,65535", "0.2,0.2,NoButton,Move,1,1"]
    got = take(tmp_path, "balabit", HEAD + "\n".join(rows))
    assert got.set_aside == {"no_position": 2}
    assert times(got) == [0]


def test_damaged_rows_of_a_balabit_session_are_counted_by_what_is_wrong(tmp_path):
    rows = ["x,0,NoButton,Move,1,1", "nan,0,NoButton,Move,1,1", "0,0,NoButton,Move,1e999,1", "0,0,Nose,Move,1,1",
            "0,0,NoButton", "1,1,NoButton,Move,1,--54", "", "0,0,NoButton,Move,1,1,1", '0,0,"NoButton,Move,1,1',
            "9999999,0,NoButton,Move,1,1", "1_0,0,NoButton,Move,1,1", "0.5,0,NoButton,Move,2,2\r"]  # fmt: skip
    got = take(tmp_path, "balabit", HEAD + "0,0,NoButton,Move,1,1\n" + "\n".join(rows))
    assert got.set_aside == {
        "bad_record_timestamp": 3, "bad_x": 1, "unknown_action": 1, "wrong_columns": 3, "bad_y": 1,
        "time_out_of_range": 1,
    }  # fmt: skip
    assert times(got) == [0, 500]


# --- iweb


def test_a_real_iweb_file_gives_each_participant_their_own_rows(tmp_path):
    path = SAMPLES / "iweb" / "raw_data.csv"
    counted = {who: read(path, FORMATS["iweb"], participant=who) for who in ("1", "2", "9")}
    assert {got.records for got in counted.values()} == {6}
    assert [got.taken for got in counted.values()] == [2, 2, 2]
    assert {got.set_aside["other_participant"] for got in counted.values()} == {4}
    assert counted["1"].events[0] == {"t": 1555082922055, "type": "pointerdown", "x": 101, "y": 168, "button": -1}
    assert min(event["y"] for event in counted["2"].events) < 0
    seen = [json.dumps(event) for got in counted.values() for event in got.events]
    assert len(seen) == len(set(seen))


@pytest.mark.parametrize(("who", "said"), [("", "name one with --participant"), ("20", "no participant '20'")])
def test_a_file_of_several_people_needs_one_who_is_in_it(who, said):
    with pytest.raises(Unreadable, match=said) as told:
        read(SAMPLES / "iweb" / "raw_data.csv", FORMATS["iweb"], participant=who)
    assert "1, 2, 9" in str(told.value)


def test_tokens_that_are_no_press_are_counted_within_their_row(tmp_path):
    cells = '"0:Down:1555:1:2:0,up:1556:1--54:0,sideways:1557:1:2,up:1:2,,up:99999999999999999:1-1:0"'
    rows = [f"0,map,1,5,600ms,{cells},7", '1,map,1,5,600ms,"",7', "2,map,1,5,600ms,nonsense,7", "3,map,1,5,600ms,x,"]
    got = take(tmp_path, "iweb", ",typ,iLTs,ACR,net_delay,mouse_clicks,subject\n" + "\n".join(rows))
    assert [(event["t"], event["y"]) for event in got.events] == [(1555, 2), (1556, -54)]
    assert got.parts == {"unknown_token": 3}
    assert got.set_aside == {"no_presses": 1, "unknown_token": 1, "no_participant": 1}
    assert got.participant == "7"


def test_a_start_moves_a_dated_recording_as_a_whole(tmp_path):
    path = SAMPLES / "iweb" / "raw_data.csv"
    as_it_was = read(path, FORMATS["iweb"], participant="1").events
    moved = read(path, FORMATS["iweb"], START, participant="1").events
    assert moved[0]["t"] == START
    assert {new["t"] - old["t"] for new, old in zip(moved, as_it_was, strict=True)} == {START - as_it_was[0]["t"]}


# --- IDFX


def keystroke(key, value, start, end=None, kind="keyboard"):
    end = start + 5 if end is None and isinstance(start, int) else end
    return (
        f'<event id="0" type="{kind}"><part type="wordlog"><position>0</position></part><part type="winlog">'
        f"<startTime>{start}</startTime><endTime>{end}</endTime><key>{key}</key><value>{value}</value>"
        f"<keyboardstate></keyboardstate></part></event>\n"
    )


def log(*events, who="P1", created="22/03/01 16:53:20.000", counter="1000"):
    entries = {"__LogCreationDate": created, "__LogRelativeCreationDate": counter, "Participant": who}
    head = "".join(f"<entry><key>{key}</key><value>{value}</value></entry>" for key, value in entries.items())
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<log><meta>{head}</meta>{"".join(events)}</log>'


def test_a_keystroke_is_pressed_and_let_go_when_the_counter_says(tmp_path):
    got = take(tmp_path, "idfx", log(keystroke("VK_A", "ä", 1500), keystroke("VK_B", "b", 1600, end=1590)))
    assert times(got) == [0, 5, 100, 90]
    assert got.events[0] == {"t": START, "type": "keydown", "code": "KeyA", "key": "ä"}
    assert got.events[1] == {"t": START + 5, "type": "keyup", "code": "KeyA"}
    assert got.participant == "P1"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("VK_BACK", "&#x8;", {"code": "Backspace", "key": "Backspace"}),
        ("VK_RETURN", "\n", {"code": "Enter", "key": "Enter"}),
        ("VK_SPACE", " ", {"code": "Space", "key": " "}),
        ("VK_OEM_COMMA", "&amp;", {"code": "Comma", "key": "&"}),
        ("VK_OEM_7", "<![CDATA[<]]>", {"code": "Quote", "key": "<"}),
        ("VK_7", "/", {"code": "Digit7", "key": "/"}),
        ("VK_LSHIFT", "", {"code": "ShiftLeft", "key": "Shift"}),
        ("VK_NUMPAD3", "3", {"code": "Numpad3", "key": "3"}),
        ("NONE", "ü", {"code": "Unidentified", "key": "ü"}),
        ("NONE", "&#xD800;", {"code": "Unidentified", "key": "\N{REPLACEMENT CHARACTER}"}),
        ("VK_E", "&#0;", {"code": "KeyE"}),
        ("", "", {"code": "Unidentified"}),
    ],
)
def test_windows_keys_are_named_as_the_web_names_them(tmp_path, key, value, expected):
    got = take(tmp_path, "idfx", log(keystroke(key, value, 1500)))
    assert got.events[0] == {"t": START, "type": "keydown", **expected}


def test_what_was_pasted_is_a_key_without_its_text(tmp_path):
    got = take(tmp_path, "idfx", log(keystroke("VK_V", "w" * 936, 1500)))
    assert got.events[0] == {"t": START, "type": "keydown", "code": "KeyV"}
    assert got.parts == {"pasted_text": 1}


def test_events_that_are_no_keystrokes_are_set_aside_by_kind(tmp_path):
    others = [keystroke("", "x", 1, kind=kind) for kind in ("replacement", "insert", "mouse", "focus", "yodel")]
    bad = [keystroke("VK_A", "a", ""), keystroke("VK_A", "a", "1e3"), keystroke("VK_A", "a", 10**17), "<event/>"]
    got = take(tmp_path, "idfx", log(*others, *bad, keystroke("VK_A", "a", 1500, end="?")))
    assert got.set_aside == {
        "text_replaced": 1, "text_inserted": 1, "mouse": 1, "focus": 1, "unknown_type": 2, "bad_startTime": 3,
    }  # fmt: skip
    assert got.parts == {"bad_endTime": 1}
    assert times(got) == [0]


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: b"junk <!-- before\n" + text.encode(),
        lambda text: text.encode("latin-1"),
        lambda text: text.replace("UTF-8", "ISO-8859-1").encode("latin-1"),
        lambda text: text.encode("utf-16"),
        lambda text: gzip.compress(text.encode()),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.removesuffix("</log>").encode(),
    ],
    ids=["mark", "junk", "latin", "declared latin", "utf-16", "gzip", "crlf", "no end"],
)
def test_whatever_its_bytes_the_same_keys_come_out(tmp_path, wrapped):
    text = log(keystroke("VK_OEM_3", "ö", 1500), keystroke("VK_BACK", "&#x8;", 1600), keystroke("VK_S", "ß", 1700))
    got = take(tmp_path, "idfx", wrapped(text))
    assert [event["key"] for event in got.events if event["type"] == "keydown"] == ["ö", "Backspace", "ß"]


def test_two_writers_in_one_file_never_mix(tmp_path):
    both = log(keystroke("VK_A", "a", 1500), who="P1") + log(keystroke("VK_B", "b", 90), who="P2", counter="50")
    with pytest.raises(Unreadable, match="there are: P1, P2"):
        take(tmp_path, "idfx", both)
    got = take(tmp_path, "idfx", both, participant="P2")
    assert [event["code"] for event in got.events] == ["KeyB", "KeyB"]
    assert times(got) == [0, 5]
    assert got.set_aside == {"other_participant": 1}


def test_two_logs_of_one_writer_keep_the_distance_of_their_dates(tmp_path):
    one = log(keystroke("VK_A", "a", 1500), created="22/03/01 16:00:00.000", counter="1000")
    other = log(keystroke("VK_B", "b", 70), created="22/03/01 17:00:00.000", counter="50")
    assert times(take(tmp_path, "idfx", one + other)) == [0, 5, 3_600_000 - 500 + 20, 3_600_000 - 500 + 25]


def test_an_event_longer_than_any_is_one_record_and_the_next_is_read(tmp_path):
    long = keystroke("VK_V", "x" * (3 << 20), 1500)
    got = take(tmp_path, "idfx", log(long, keystroke("VK_A", "a", 1600)))
    assert got.set_aside == {"line_too_long": 1}
    assert [event["code"] for event in got.events] == ["KeyA", "KeyA"]


# --- rrweb


def rr(kind, data, at=1_544_756_766_750, **over):
    return {"type": kind, "data": data, "timestamp": at, **over}


def test_a_real_rrweb_script_gives_pointer_scrolling_and_the_page_opened():
    got = read(SAMPLES / "rrweb" / "events.js", FORMATS["rrweb"])
    assert got.records == 53
    assert got.types == {"navigate": 1, "pointermove": 87, "pointerdown": 3, "pointerup": 3, "wheel": 10}
    assert got.set_aside == {"page_change": 8, "click": 3, "element_focus": 5, "first_scroll_place": 2}
    assert got.taken == 35
    assert got.events[0] == {
        "t": 1544756766750, "type": "navigate", "url": "https://demoit.app/e/react#ReactHooks.js",
    }  # fmt: skip
    assert got.events[1] == {"t": 1544756767118, "type": "pointermove", "x": 1158, "y": 93}


def test_of_a_page_itself_and_of_what_was_typed_nothing_is_taken(tmp_path):
    page = {"node": {"type": 0, "childNodes": [{"textContent": 'secret [ { \\" text'}]}}
    records = [rr(0, {}), rr(1, {}), rr(2, page), rr(3, {"source": 0, "adds": [page]}),
               rr(3, {"source": 5, "text": "secret"}), rr(3, {"source": 14}), rr(5, {"tag": "x"}), rr(6, {}), rr(7, {}),
               rr(99, {}), rr(3, {"source": 77}), rr(3, {}), rr(True, {})]  # fmt: skip
    got = take(tmp_path, "rrweb", json.dumps(records))
    assert got.events == []
    assert got.set_aside == {
        "page_state": 2, "page_snapshot": 1, "page_change": 1, "input_text": 1, "selection": 1, "custom": 1,
        "plugin": 1, "asset": 1, "unknown_type": 2, "unknown_source": 1, "bad_data": 1,
    }  # fmt: skip


def test_each_place_of_a_path_has_its_own_time(tmp_path):
    places = [{"x": 1, "y": 2, "timeOffset": -40}, {"x": 3, "y": 4, "timeOffset": 0}, {"x": None, "y": 4}, "nowhere"]
    path = rr(3, {"source": 1, "positions": places}, at=5000)
    got = take(tmp_path, "rrweb", json.dumps([path, rr(3, {"source": 6, "positions": []})]))
    assert [(event["t"], event["x"]) for event in got.events] == [(4960, 1), (5000, 3)]
    assert got.parts == {"bad_timeOffset": 1, "bad_position": 1}
    assert got.set_aside == {"bad_positions": 1}


def test_a_scroll_is_how_far_an_element_went_since_its_last_place(tmp_path):
    def scroll(element, y, at):
        return rr(3, {"source": 3, "id": element, "x": 0, "y": y}, at=at)

    page = rr(4, {"href": "https://example.org/", "width": 1, "height": 1}, at=4)
    records = [scroll(1, 100, 1), scroll(1, 160, 2), scroll(2, 50, 3), page, scroll(1, 10, 5), scroll(1, 4, 6)]
    got = take(tmp_path, "rrweb", json.dumps(records))
    wheels = [event for event in got.events if event["type"] == "wheel"]
    assert wheels == [
        {"t": 2, "type": "wheel", "deltaX": 0, "deltaY": 60},
        {"t": 6, "type": "wheel", "deltaX": 0, "deltaY": -6},
    ]
    assert got.set_aside == {"first_scroll_place": 3}


def test_presses_and_touches_are_kept_and_the_clicks_they_make_are_not(tmp_path):
    presses = [rr(3, {"source": 2, "type": kind, "id": 1, "x": 5, "y": 6}) for kind in range(11)]
    got = take(tmp_path, "rrweb", json.dumps(presses))
    kept = [(event["type"], event["button"]) for event in got.events]
    assert kept == [("pointerup", -1), ("pointerdown", -1), ("pointerdown", 0), ("pointerup", 0)]
    assert got.set_aside == {"click": 1, "context_menu": 1, "double_click": 1, "element_focus": 2, "touch_other": 2}


ARRAY = json.dumps([rr(4, {"href": "https://example.org/a[1]", "width": 1}), rr(3, {"source": 2, "type": 1})])


@pytest.mark.parametrize(
    "text",
    [
        ARRAY,
        f"  \n{ARRAY}\n",
        f"const events = {ARRAY};\n",
        f"/* eslint-disable [ */\n// prettier-ignore\nexport const events = {ARRAY};\nexport default events;",
        f"export default {ARRAY}",
        f"module.exports = {ARRAY}",
        "\n".join(json.dumps(each) for each in json.loads(ARRAY)),
        "\r\n\r\n".join(json.dumps(each) for each in json.loads(ARRAY)) + "\r\n",
        json.dumps(json.loads(ARRAY), indent=4),
        f"\ufeff{ARRAY}",
    ],
)
def test_rrweb_is_read_as_an_array_in_a_script_or_in_lines(tmp_path, text):
    got = take(tmp_path, "rrweb", text)
    assert got.events == [{"t": 1_544_756_766_750, "type": "navigate", "url": "https://example.org/a[1]"}]
    assert got.set_aside == {"bad_x": 1}
    assert take(tmp_path, "rrweb", text.removeprefix("\ufeff").encode("utf-16")).events == got.events


def test_a_page_of_twenty_megabytes_is_one_record_set_aside(tmp_path):
    huge = b'{"type":2,"data":{"node":"' + b'\\"[{x' * (4 << 20) + b'"},"timestamp":1}'
    press = json.dumps(rr(3, {"source": 2, "type": 1, "x": 1, "y": 2})).encode()
    got = take(tmp_path, "rrweb", b"[" + huge + b"," + press + b"]")
    assert got.set_aside == {"line_too_long": 1}
    assert got.types == {"pointerdown": 1}


# --- ActivityWatch


def bucket(kind, *events, **over):
    name = f"aw-watcher-{kind}_host"
    made = {"id": name, "type": kind, "client": "aw", "hostname": "host", "created": "2026-03-02", "data": {}}
    return {**made, "events": list(events), **over}


def seen(at, data, **over):
    return {"id": 1, "timestamp": at, "duration": 2.5, "data": data, **over}


WINDOW = bucket(
    "currentwindow",
    seen("2026-03-02T08:00:00.250000+00:00", {"app": "Editor", "title": "notes"}),
    seen("2026-03-02T09:00:00+01:00", {"app": "Mail"}, duration=None),
    seen("2026-03-02T08:00:01", {"app": "Mail", "title": "x" * 5000}, duration=-1),
    seen("2026-03-02T08:00:00Z", {"title": "no name"}),
    seen("yesterday", {"app": "Mail"}),
    {"timestamp": "2026-03-02T08:00:00Z"},
)
WEB = bucket(
    "web.tab.current",
    seen("2026-03-02T08:00:02.123456789Z", {"url": "https://example.org/", "title": "t", "incognito": False}),
    seen("2026-03-02T08:00:03Z", {"url": "https://example.org/secret", "incognito": True}),
    seen("2026-03-02T08:00:03Z", {"title": "no address"}),
)
AFK = bucket("afkstatus", seen("2026-03-02T08:00:00Z", {"status": "afk"}), seen("2026-03-02T08:00:00Z", {}))
INPUT = bucket("os.hid.input", seen("2026-03-02T08:00:00Z", {"presses": 7, "clicks": 1, "scrollY": 3}))
EDITOR = bucket("app.editor.activity", seen("2026-03-02T08:00:00Z", {"file": "/home/me/x.py"}))
BUCKETS = [WINDOW, WEB, AFK, INPUT, EDITOR]
EIGHT = 1_772_438_400_000


@pytest.mark.parametrize(
    "export",
    [
        {"buckets": BUCKETS},
        {"buckets": {each["id"]: each for each in BUCKETS}},
        {"version": [1, {"buckets": 3}], "buckets": {each["id"]: dict(sorted(each.items())) for each in BUCKETS}},
    ],
    ids=["list", "by id", "types after events"],
)
def test_windows_and_pages_are_taken_and_all_other_buckets_set_aside(tmp_path, export):
    got = take(tmp_path, "activitywatch", json.dumps(export))
    editor = {"app": "Editor", "title": "notes"}
    assert got.events == [
        {"t": EIGHT + 250, "type": "focus", **editor},
        {"t": EIGHT + 2750, "type": "blur", **editor},
        {"t": EIGHT, "type": "focus", "app": "Mail"},
        {"t": EIGHT + 1000, "type": "focus", "app": "Mail"},
        {"t": EIGHT + 2123, "type": "navigate", "app": "Mail", "url": "https://example.org/"},
    ]
    assert got.set_aside == {
        "no_app": 1, "bad_timestamp": 1, "bad_data": 1, "private_window": 1, "no_url": 1, "idle_time": 2,
        "sums_of_input": 1, "other_bucket": 1,
    }  # fmt: skip
    assert got.parts == {"no_duration": 1, "bad_title": 1, "bad_duration": 1}


def test_a_bucket_may_stand_alone(tmp_path):
    got = take(tmp_path, "activitywatch", json.dumps(WEB))
    assert got.types == {"navigate": 1}
    assert "app" not in got.events[0]
    assert take(tmp_path, "activitywatch", json.dumps({"buckets": {}})).records == 0


def test_a_page_belongs_to_the_window_that_was_in_front_whatever_the_order(tmp_path):
    def at(second):
        return f"2026-03-02T08:00:{second:02}Z"

    windows = bucket(
        "currentwindow", *(seen(at(second), {"app": app}) for second, app in ((30, "C"), (20, "B"), (10, "A")))
    )
    pages = bucket("web.tab.current", *(seen(at(second), {"url": "u"}) for second in (31, 5, 20, 19)))
    got = take(tmp_path, "activitywatch", json.dumps({"buckets": [pages, windows]}))
    assert [event.get("app") for event in got.events if event["type"] == "navigate"] == ["C", None, "B", "A"]


# --- files that are none


@pytest.mark.parametrize("name", sorted(FORMATS))
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty|no <log>"),
        (b" \n\n ", "is empty|no <log>"),
        (b"\x00\x01 garbage \xff\xfe", "recording: "),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "recording: "),
        (gzip.compress(b"[{}]" * 9999)[:-9], "cannot be read after byte [0-9]"),
        (gzip.compress(b"x") + b"not gzip any more", "recording: "),
        (codecs.BOM_UTF16_LE + b"a\x00b", "recording: "),
        (b"x" * (2 << 20), "recording: "),
    ],
    ids=["nothing", "space", "garbage", "pdf", "cut off", "gzip and more", "utf-16 cut off", "one long line"],
)
def test_a_file_that_is_no_recording_is_refused_by_name(tmp_path, name, content, said):
    with pytest.raises(Unreadable, match=said) as told:
        take(tmp_path, name, content)
    assert str(told.value).startswith("recording: ")


@pytest.mark.parametrize("name", ["activitywatch", "rrweb"])
@pytest.mark.parametrize(
    "content",
    [b"[{}", b'[{"a": "', b"[{} {}]", b'{"buckets": [', b'{"buckets": {"a": 1}}', b'{"buckets": 7}', b"[{}] [{}]",
     b'{"buckets": {}} more', b'{"a\\', b"[1,", b'{"x": 1}'],
)  # fmt: skip
def test_json_that_breaks_off_is_refused_as_a_whole(tmp_path, name, content):
    with pytest.raises(Unreadable):
        take(tmp_path, name, content)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_what_is_no_file_is_refused(tmp_path, name):
    for path in (tmp_path, tmp_path / "absent", Path("/dev/null")):
        with pytest.raises(Unreadable):
            read(path, FORMATS[name], START)


def test_each_format_is_refused_as_every_other(tmp_path):
    texts = {
        "activitywatch": json.dumps({"buckets": [WINDOW]}),
        "balabit": HEAD + "0,0,NoButton,Move,1,1\n",
        "ducktrack": json.dumps({"time_stamp": 1, "action": "move", "x": 1, "y": 1}),
        "idfx": log(keystroke("VK_A", "a", 1)),
        "iweb": (SAMPLES / "iweb" / "raw_data.csv").read_text(),
        "rrweb": ARRAY,
    }
    taken = Counter()
    for content in texts.values():
        for name in texts:
            try:
                taken[name] += take(tmp_path, name, content, participant="1" if name == "iweb" else "").records > 0
            except Unreadable:
                continue
    assert taken == dict.fromkeys(texts, 1)


def test_memory_does_not_grow_with_the_file(tmp_path):
    path, form, asked = tmp_path / "session", FORMATS["balabit"], Asked(START)
    path.write_text(HEAD + "".join(f"{n / 100},0,NoButton,Move,{n % 1000},7\n" for n in range(8_000)))
    source = Source(path)
    tracemalloc.start()
    counted = survey(source, form, asked, form.read(source, asked))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counted.taken == 8_000
    # What a piece takes, at 8,000 rows and at a million; all events of these would be five times as much.
    assert peak < 700_000
