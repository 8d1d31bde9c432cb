"""One raw record: its bytes and what each means, and nothing claimed of it that is not so."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command

from portal.audit.models import Act
from portal.events.openday import open_day
from portal.events.raw import records
from tests.makers import make_batch, make_permitted, make_token, send
from tests.pages.conftest import BACKEND

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
MONDAY = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = MONDAY.date()


def ms(at=MONDAY):
    return int(at.timestamp() * 1000)


@pytest.fixture
def put(client, ada):
    make_permitted(ada, source="old", kind="import")
    token = make_token("events.write", sources=["old"])

    def call(*events):
        answer = send(client, token, make_batch(ada, list(events), source="old"))
        assert answer.status_code == 201, answer.content

    return call


@pytest.fixture
def look(as_ada, ada):
    def call(query=""):
        answer = as_ada.get(f"/people/{ada.pk}/data/{DAY}/raw/{query}")
        assert answer.status_code == 200
        return html.unescape(answer.content.decode())

    return call


MOVE = {"t": ms(), "type": "pointermove", "x": 512, "y": 300.5, "app": "Figma", "screen": [1920, 1080], "seq": 7}
KEY = {"t": ms(), "type": "keydown", "code": "KeyA", "app": "editor", "key": "å"}


@pytest.mark.parametrize("sealed", [False, True])
def test_each_field_is_shown_with_its_bytes_and_what_it_means(look, put, sealed):
    put(MOVE)
    if sealed:
        call_command("seal_segments", verbosity=0)
    said = look()
    assert "Event 1 of 1 of this day, from bot" in said
    assert "Pointer moved at 512, 300.5" in said
    assert "How many pixels from the left edge" in said
    assert "10:30:00.000 where you are" in said
    assert "No typed character is in this record: it has no field for one." in said
    assert ("the one file of its day" if sealed else "in the block in which it arrived") in said
    assert re.search(r"Name of the key</dt><dd>[0-9a-f]{32}<", said)


def test_the_fields_of_a_block_make_up_its_record(put, ada):
    put(MOVE, KEY)
    put({**MOVE, "t": ms() - 5, "x": 1})
    opened = open_day(ada.pk, DAY)
    for position, x in ((0, 1), (1, 512)):
        record = records.read(opened, position)
        whole = b"".join(field.written for field in record.fields)
        assert whole.startswith(bytes([0x80 + len(record.fields) - 1]))
        assert {field.name: field.value for field in record.fields}["x"] == x
        assert not any(field.name == "key" for field in record.fields)


def test_in_a_segment_every_value_is_as_the_file_has_it_before_packing(put, ada):
    put(MOVE)
    call_command("seal_segments", verbosity=0)
    record = records.read(open_day(ada.pk, DAY), 0)
    written = {field.name: field.written for field in record.fields}
    assert written["t"] == ms().to_bytes(8, "little")
    assert written["app"] == b"\x05\x00\x00\x00Figma"


def test_a_typed_character_is_said_to_be_there_where_it_is_and_not_where_it_is_not(look, put):
    put(KEY, {**KEY, "t": ms() + 1000, "app": "mail"}, {"t": ms() + 2000, "type": "keydown", "code": "Letter"})
    said = look()
    assert "A typed character is in this record: “å”" in said
    assert "What the typed character is kept for." in said
    then = look(f"?t={ms() + 1000}")
    assert "No typed character is in this record; which key was pressed is." in then
    assert "å" not in then
    assert "only what kind of key" in look(f"?t={ms() + 2000}")


def test_one_goes_on_to_the_next_and_back_also_within_an_instant(look, put):
    put(*[{**MOVE, "x": n} for n in range(3)])
    seen, query = [], ""
    for _ in range(3):
        said = look(query)
        seen.append(re.search(r"Pointer moved at (\d)", said)[1])
        following = re.search(r'href="(\?[^"]*)" rel="next"', said)
        query = following[1] if following else None
    assert (seen, query) == (["0", "1", "2"], None)
    assert 'rel="prev"' in said


def test_every_line_of_a_day_opens_its_own_record(as_ada, ada, look, put):
    put(*[{**MOVE, "t": ms(MONDAY + timedelta(seconds=n)), "x": n} for n in range(3)])
    day = html.unescape(as_ada.get(f"/people/{ada.pk}/data/{DAY}/").content.decode())
    links = re.findall(r'raw/(\?t=[^"]*)"', day)
    assert [re.search(r"Pointer moved at (\d)", look(link))[1] for link in links] == ["0", "1", "2"]


@pytest.mark.parametrize("query", ["?t=1", "?t=x", "?t=", f"?t={ms()}&rank=9", f"?t={ms()}&rank=-1"])
def test_a_record_that_is_not_there_is_not_found(as_ada, ada, put, query):
    put(MOVE)
    assert as_ada.get(f"/people/{ada.pk}/data/{DAY}/raw/{query}").status_code == 404


def test_a_day_without_events_has_none(look):
    assert "No event of this day is kept" in look()


def test_it_is_that_persons_alone_and_a_look_is_written_down(client, look, put, ada, ben):
    put(MOVE)
    look()
    look()
    assert [act.facts for act in Act.objects.for_subject(ada.pk).looks()] == [{"day": str(DAY), "view": "raw"}]
    client.force_login(ben, BACKEND)
    assert client.get(f"/people/{ada.pk}/data/{DAY}/raw/").status_code == 404
