"""`manage.py import_recording`: all of a recording, once, through the gate; what comes back is what was recorded."""

from __future__ import annotations

import gzip
import io
import json
import shutil
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from consent import actions as consent_actions
from portal.audit.models import Act
from portal.audit.values import Action
from portal.events import reading
from portal.events.importers.base import read
from portal.events.importers.formats import FORMATS
from portal.events.importers.intake import EVENTS_A_PART
from portal.register.models import Flow, Source
from tests.makers import make_notice, make_purpose

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
RECORDINGS = Path(__file__).resolve().parents[2] / "portal" / "demo" / "recordings"
SAMPLES = Path(__file__).resolve().parent / "recordings"
CATEGORIES = ["pointer_movement", "pointer_clicks", "scrolling", "keystroke_timing"]
START = "2026-03-02T09:00:00+01:00"
START_MS = 1772438400000
COUNTS = {
    "ducktrack": {"pointermove": 13163, "wheel": 140, "pointerdown": 22, "pointerup": 22, "keydown": 27, "keyup": 27},
    "opencua": {"pointermove": 4034, "wheel": 19, "pointerdown": 21, "pointerup": 21, "keydown": 3, "keyup": 1},
}


def make_source(key, kind, categories):
    source = Source.objects.create(
        key=key, title=key, kind=kind, description="A test.", owner="IT", state="live", live_since=timezone.now()
    )
    for category in categories:
        Flow.objects.create(source=source, category=category, purpose_key="train", state="live", why="A test.")
    return source


@pytest.fixture
def ada_agrees(ada):
    make_source("old", "import", CATEGORIES)
    make_source("agent", "agent", CATEGORIES)
    make_purpose("train", covers={"old": CATEGORIES, "agent": CATEGORIES})
    consent_actions.give(subject_id=ada.pk, purpose_key="train", path="/choices/")
    # What was recorded on a morning lies on one day there, whatever the hour of the test.
    ada.time_zone = "Europe/Berlin"
    ada.save(update_fields=["time_zone"])
    return ada


def bring_in(employee, path, format="opencua", source="old", start=START, participant=""):
    out = io.StringIO()
    more = [*(["--start", start] if start else []), *(["--participant", participant] if participant else [])]
    call_command(
        "import_recording", str(path), "--format", format, "--employee", employee.employee_number,
        "--source", source, *more, stdout=out,
    )  # fmt: skip
    lines = out.getvalue().splitlines()
    assert len(lines) == 1
    return json.loads(lines[0])


def recording(name):
    return RECORDINGS / name / "events.jsonl.gz"


def stored(employee):
    return sum(sum(day.events.values()) for day in reading.days(employee.pk))


def fields(row):
    names = ("t", "type", "x", "y", "button", "deltaX", "deltaY", "code", "seq")
    return tuple(row.get(name) for name in names)


@pytest.mark.parametrize("name", sorted(COUNTS))
def test_a_recording_comes_in_whole(ada_agrees, name):
    said = bring_in(ada_agrees, recording(name), format=name)
    assert said["records"] == sum(COUNTS[name].values())
    assert said["events"] == COUNTS[name]
    assert said["set_aside"] == {}
    assert said["withheld"] == {}
    assert said["stored"] == said["records"] == stored(ada_agrees)


def test_a_second_run_stores_nothing_new(ada_agrees, tmp_path):
    first = bring_in(ada_agrees, recording("opencua"))
    unpacked = tmp_path / "events.jsonl"
    unpacked.write_bytes(gzip.decompress(recording("opencua").read_bytes()))
    again = bring_in(ada_agrees, unpacked, start="2026-03-02T08:00:00Z")
    assert again == {**first, "stored": 0, "repeated_parts": first["parts"]}
    assert stored(ada_agrees) == first["stored"]
    assert Act.objects.filter(action=Action.IMPORT_RUN, subject_id=ada_agrees.pk).count() == 1


def test_another_start_is_another_recording(ada_agrees):
    bring_in(ada_agrees, recording("opencua"))
    assert bring_in(ada_agrees, recording("opencua"), start="2026-03-03T09:00:00+01:00")["stored"] == 4099


def test_events_come_back_as_they_were_recorded(ada_agrees):
    bring_in(ada_agrees, recording("ducktrack"), format="ducktrack")
    (day,) = reading.stored_days(ada_agrees.pk)
    recorded = read(recording("ducktrack"), FORMATS["ducktrack"], START_MS).events
    for event in recorded:
        if event["type"].startswith("key"):
            event["t"] -= event["t"] % 1000
    got = reading.table(ada_agrees.pk, day).to_pylist()
    assert Counter(map(fields, got)) == Counter(map(fields, recorded))
    assert not [row for row in got if row["key"] is not None]


def test_each_part_holds_no_more_than_a_batch_may(ada_agrees):
    said = bring_in(ada_agrees, recording("ducktrack"), format="ducktrack")
    assert said["parts"] == -(-13401 // EVENTS_A_PART) == 3


def test_bad_lines_are_set_aside_and_the_rest_comes_in(ada_agrees, tmp_path):
    path = tmp_path / "events.jsonl"
    good = {"time_stamp": 5.0, "action": "move", "x": 1.5, "y": -3}
    lines = [good, {"time_stamp": 5.1, "action": "pause"}, {"time_stamp": 5.2, "action": "press", "name": ""}]
    path.write_text("\ufeff" + "\n".join(map(json.dumps, lines)) + "\nnot json\n\n", encoding="utf-8")
    said = bring_in(ada_agrees, path)
    assert said["records"] == 4
    assert said["events"] == {"pointermove": 1, "keydown": 1}
    assert said["set_aside"] == {"marker": 1, "not_json": 1}
    assert stored(ada_agrees) == 2


def test_nothing_is_kept_of_a_person_who_said_no(ada_agrees):
    consent_actions.withdraw(subject_id=ada_agrees.pk, purpose_key="train", path="/choices/")
    said = bring_in(ada_agrees, recording("opencua"))
    assert said["stored"] == 0
    assert sum(said["withheld"].values()) == 4099
    assert stored(ada_agrees) == 0


def test_what_no_flow_permits_is_withheld_and_counted(ada_agrees):
    Flow.objects.filter(source="old", category="pointer_movement").delete()
    said = bring_in(ada_agrees, recording("opencua"))
    assert said["withheld"] == {"pointer_movement": 4034}
    assert said["stored"] == 4099 - 4034


def test_only_an_import_source_takes_what_was_recorded_before_the_yes(ada_agrees):
    start = timezone.now() - timedelta(days=2)
    said = bring_in(ada_agrees, recording("opencua"), source="agent", start=start.isoformat())
    assert said["stored"] == 0
    assert sum(said["withheld"].values()) == 4099


def test_times_ahead_of_the_clock_are_set_aside(ada_agrees):
    start = timezone.now() + timedelta(minutes=4)
    said = bring_in(ada_agrees, recording("opencua"), start=start.isoformat())
    assert said["set_aside"]["in_the_future"] > 0
    assert said["records"] == 4099 == sum(said["events"].values()) + said["set_aside"]["in_the_future"]


def test_the_same_file_read_as_another_format_is_refused(ada_agrees):
    bring_in(ada_agrees, recording("opencua"))
    with pytest.raises(CommandError):
        bring_in(ada_agrees, recording("opencua"), format="ducktrack")


@pytest.mark.parametrize(
    "over",
    [{"start": "2026-03-02T09:00:00"}, {"start": "yesterday"}, {"start": "2026-02-30T09:00:00Z"}, {"source": "none"}],
)
def test_it_says_what_is_wrong_with_the_call(ada_agrees, over):
    with pytest.raises(CommandError):
        bring_in(ada_agrees, recording("opencua"), **over)
    assert stored(ada_agrees) == 0


def test_it_takes_nothing_in_for_somebody_unknown(ada_agrees, tmp_path):
    shutil.copy(recording("opencua"), tmp_path)
    ada_agrees.employee_number = "nobody"
    with pytest.raises(CommandError):
        bring_in(ada_agrees, tmp_path / "events.jsonl.gz")


def test_a_participant_comes_in_alone_and_only_once(ada_agrees):
    path = SAMPLES / "iweb" / "raw_data.csv"
    first = bring_in(ada_agrees, path, format="iweb", start="", participant="2")
    assert first["set_aside"] == {"other_participant": 4}
    assert first["records"] == 6 == first["taken"] + 4
    assert first["left_out"] == ["typ", "iLTs", "ACR", "net_delay"]
    assert stored(ada_agrees) == first["stored"] == sum(first["events"].values())
    assert bring_in(ada_agrees, path, format="iweb", start="", participant="2")["stored"] == 0
    assert {day.day.isoformat() for day in reading.days(ada_agrees.pk)} == {"2019-04-12"}


def test_naming_the_only_participant_makes_no_second_recording(ada_agrees, tmp_path):
    lines = (SAMPLES / "iweb" / "raw_data.csv").read_text().splitlines(keepends=True)
    path = tmp_path / "one.csv"
    path.write_text("".join(lines[:3]))
    first = bring_in(ada_agrees, path, format="iweb", start="")
    assert first["stored"] > 0
    assert bring_in(ada_agrees, path, format="iweb", start="", participant="1")["stored"] == 0


def test_of_a_page_recording_only_what_a_flow_permits_is_kept(ada_agrees):
    said = bring_in(ada_agrees, SAMPLES / "rrweb" / "events.js", format="rrweb", start="")
    assert said["withheld"] == {"web_navigation": 1}
    assert said["stored"] == sum(said["events"].values()) - 1
    assert said["records"] == said["taken"] + sum(said["set_aside"].values()) == 53


def test_of_a_file_that_breaks_off_nothing_is_stored(ada_agrees, tmp_path):
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(recording("ducktrack").read_bytes()[:-100])
    with pytest.raises(CommandError, match="events.jsonl.gz: cannot be read after byte"):
        bring_in(ada_agrees, path, format="ducktrack")
    assert stored(ada_agrees) == 0
    assert not Act.objects.filter(action=Action.IMPORT_RUN).exists()


@pytest.mark.parametrize(
    ("format", "over", "said"),
    [
        ("opencua", {"start": ""}, "give --start"),
        ("opencua", {"participant": "1"}, "of one person"),
        ("iweb", {"start": ""}, "name one with --participant; there are: 1, 2, 9"),
        ("iweb", {"participant": "3"}, "no participant '3'"),
        ("rrweb", {}, "raw_data.csv: at byte 0: here should begin"),
    ],
)
def test_it_says_what_the_format_needs(ada_agrees, format, over, said):
    path = recording("opencua") if format == "opencua" else SAMPLES / "iweb" / "raw_data.csv"
    with pytest.raises(CommandError, match=said):
        bring_in(ada_agrees, path, format=format, **over)
    assert stored(ada_agrees) == 0


def test_what_one_recording_saw_in_front_is_nothing_to_the_next(ada_agrees, tmp_path):
    """Else keys without an app would count as typed in a window that another program saw."""
    Flow.objects.create(source_id="old", category="app_usage", purpose_key="train", state="live", why="A test.")
    make_notice("train", {"old": [*CATEGORIES, "app_usage"]})
    consent_actions.give(subject_id=ada_agrees.pk, purpose_key="train", path="/choices/")
    window = {"timestamp": "2026-03-02T07:00:00Z", "data": {"app": "Mail"}}
    path = tmp_path / "export.json"
    path.write_text(json.dumps({"type": "currentwindow", "events": [window]}))
    assert bring_in(ada_agrees, path, format="activitywatch", start="")["stored"] == 1
    assert bring_in(ada_agrees, path, format="activitywatch", start="")["stored"] == 0
    bring_in(ada_agrees, recording("opencua"))
    (day,) = reading.stored_days(ada_agrees.pk)
    rows = reading.table(ada_agrees.pk, day).to_pylist()
    assert {row["in_app"] for row in rows if row["type"] != "focus"} == {None}
