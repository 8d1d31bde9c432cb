"""The replay of a stretch of a day: bounded portions of the pointer alone, and the same as a table."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.audit.models import Act
from portal.events.openday import open_day
from portal.events.replay import points
from tests.makers import make_batch, make_permitted, make_token, send
from tests.pages.conftest import BACKEND

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DAY = MONDAY.date()
START = int(MONDAY.timestamp() * 1000)


@pytest.fixture
def put(client, ada):
    make_permitted(ada, source="old", kind="import")
    token = make_token("events.write", sources=["old"])

    def call(*events):
        answer = send(client, token, make_batch(ada, list(events), source="old"))
        assert answer.status_code == 201, answer.content

    return call


@pytest.fixture
def portion(as_ada, ada):
    def call(**asked):
        asked = {"from" if name == "since" else name: value for name, value in asked.items()}
        answer = as_ada.get(f"/people/{ada.pk}/data/{DAY}/replay/points/", {"from": START, **asked})
        assert answer.status_code == 200
        return answer.json()

    return call


@pytest.fixture
def look(as_ada, ada):
    def call(query=""):
        answer = as_ada.get(f"/people/{ada.pk}/data/{DAY}/replay/{query}")
        assert answer.status_code == 200
        return html.unescape(answer.content.decode())

    return call


def move(ms=0, x=1, y=2, **over):
    return {"t": START + ms, "type": "pointermove", "x": x, "y": y, **over}


def test_it_hands_over_what_the_pointer_did_and_nothing_that_was_typed(portion, put):
    put(
        move(app="Figma", screen=[1920, 1080]),
        {**move(5), "type": "pointerdown", "button": 0},
        {"t": START + 7, "type": "wheel", "deltaX": 0, "deltaY": -3.5},
        {"t": START + 8, "type": "keydown", "code": "KeyA", "app": "editor", "key": "a"},
        {"t": START + 9, "type": "focus", "app": "Mail", "title": "To whom"},
    )
    found = portion()
    assert [point[:4] for point in found["points"]] == [[0, "m", 1, 2], [5, "d", 1, 2], [7, "w", None, None]]
    assert found["points"][2][6] == -3.5
    assert found["apps"] == ["Figma", "no app known"]
    assert "KeyA" not in str(found)
    assert "To whom" not in str(found)
    assert found["next"] is None


@pytest.mark.parametrize("sealed", [False, True])
def test_its_portions_make_the_whole_also_within_one_instant(portion, put, monkeypatch, sealed):
    monkeypatch.setattr(points, "MOST_POINTS", 3)
    put(*[move(0, x=n) for n in range(5)], *[move(10 + n, x=5 + n) for n in range(4)])
    if sealed:
        call_command("seal_segments", verbosity=0)
        put(move(11, x=99))
    seen, after = [], ""
    while after is not None:
        found = portion(after=after)
        assert len(found["points"]) <= 3
        seen += [point[2] for point in found["points"]]
        after = found["next"]
    assert seen == [*range(7), *([99] * sealed), 7, 8]


def test_a_stretch_is_no_longer_than_an_hour_and_no_part_of_another_day(portion, put):
    put(move(), move(3_599_999, x=7), move(3_600_000, x=8))
    found = portion(until=START + 9_000_000)
    assert [point[2] for point in found["points"]] == [1, 7]
    assert found["until"] - found["from"] == 3_600_000
    assert portion(since=1)["from"] == START - 10 * 3_600_000  # midnight in Berlin
    assert portion(since=2**60)["points"] == []
    for wrong in ("x", "-1", "1e9", "", "9" * 40):
        assert portion(since=wrong, after=wrong)["from"] < START


def test_each_screen_has_its_own_area_and_a_stray_point_shrinks_nothing(portion, put):
    put(
        *[move(n, x=n * 30, y=n * 10, screen=[3000, 1000]) for n in range(100)],
        *[move(200 + n, x=-500, y=20, screen=[1000, 800]) for n in range(50)],
        move(400, x=2**52, y=-(2**52), screen=[3000, 1000]),
        move(500, x=10, y=10, screen=[0, -5]),
    )
    areas = portion()["areas"]
    assert [(each["w"], each["h"]) for each in areas] == [(3000, 1000), (1000, 800), (0, 0)]
    assert (areas[0]["left"], areas[0]["right"]) == (0, 3000)
    assert (areas[1]["left"], areas[1]["right"]) == (-500, 1000)
    assert areas[2]["right"] > areas[2]["left"]


def test_the_page_offers_the_hours_that_have_something_and_the_same_as_a_table(look, put):
    put(
        move(x=10, y=20),
        move(1000, x=30, y=40),
        {**move(61_000), "type": "pointerdown", "button": 0},
        move(2 * 3_600_000),
    )
    said = look()
    assert re.findall(r'aria-current="page">(\d\d:\d\d) <span class="soft num">(\d)<', said) == [("10:00", "3")]
    assert "12:00 " in said
    row = said.split("<tbody>")[1].split("</tr>")[0]
    assert re.findall(r"<td[^>]*>([^<]*)</td>", row) == ["2", "0", "0", "from 10, 20 to 30, 40"]
    following = re.search(r'href="[^"]*(\?from=\d+)">12:00', said)[1]
    assert 'aria-current="page">12:00' in look(following)


def test_a_minute_opens_to_its_events(as_ada, look, put):
    put(move(), move(61_000))
    link = re.search(r'<th scope="row"><a href="([^"]*)"', look())[1]
    assert "1 event matches" in as_ada.get(link.partition("#")[0]).content.decode()


def test_a_day_without_a_pointer_says_so(look, put):
    assert "Nothing to play" in look()
    put({"t": START, "type": "keydown", "code": "KeyA"})
    assert "Nothing to play" in look()


def test_it_is_that_persons_alone_and_a_look_is_written_down_once_an_hour(client, look, portion, put, ada, ben):
    put(move())
    look()
    portion()
    portion()
    assert [act.facts for act in Act.objects.for_subject(ada.pk).looks()] == [{"day": str(DAY), "view": "replay"}]
    client.force_login(ben, BACKEND)
    for rest in ("", "points/"):
        assert client.get(f"/people/{ada.pk}/data/{DAY}/replay/{rest}").status_code == 404


def test_it_costs_the_same_however_much_there_is(look, portion, put):
    put(move())
    look()

    def cost(what):
        with CaptureQueriesContext(connection) as seen:
            what()
        return len(seen)

    few = cost(look), cost(portion)
    for n in range(5):
        put(*[move(n * 1000 + each, x=each) for each in range(200)])
    assert (cost(look), cost(portion)) <= few
    assert max(few) <= 16


def test_an_hour_far_into_a_full_day_is_read_in_the_groups_it_touches(put, ada, monkeypatch):
    monkeypatch.setattr("portal.events.segments.ROWS_A_GROUP", 50)
    put(*[move(n * 1000, x=n) for n in range(1000)])
    call_command("seal_segments", verbosity=0)
    opened = open_day(ada.pk, DAY)
    read = opened.columns(("t",), (START + 500_000, START + 510_000))
    assert 10 <= len(read) <= 100
    assert timedelta(milliseconds=read["t"][0].as_py() - START) <= timedelta(seconds=500)
