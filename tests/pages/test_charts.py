"""The figure of a person's days, its table and its sentence: pure, so without a page."""

from __future__ import annotations

import json
from datetime import date

from consent.values import CATEGORIES
from portal.events import charts
from portal.events.values import DayTotal

MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)
DAYS = [
    DayTotal(MONDAY, events={"pointer_movement": 10, "scrolling": 2}, withheld={"scrolling": {"off_hours": 5}}),
    DayTotal(WEDNESDAY, events={"pointer_movement": 4}),
]


def figure(days, gaps=None):
    return charts.volume_figure(days, gaps or {}).to_dict()


def test_a_quiet_day_between_two_others_is_a_day_too():
    days = charts.filled(DAYS, MONDAY, WEDNESDAY)
    assert [charts.kept(day) for day in days] == [12, 0, 4]
    assert [day.day for day in days] == [MONDAY, TUESDAY, WEDNESDAY]


def test_each_category_is_a_stacked_bar_in_its_own_colour_and_dropped_events_stand_on_top():
    drawn = figure(DAYS)
    assert [(bar["meta"], sum(bar["y"])) for bar in drawn["data"]] == [("c1", 14), ("c3", 2), ("c0", 5)]
    assert drawn["layout"]["barmode"] == "stack"


def test_every_category_there_is_has_a_colour_and_a_name():
    assert list(charts.TOKENS) == list(CATEGORIES)


def test_no_colour_and_no_template_is_in_the_figure():
    drawn = figure(DAYS, {TUESDAY: "paused"})
    assert not drawn["layout"].get("template")
    drawn = json.dumps(drawn)
    assert "#" not in drawn
    assert "rgb" not in drawn
    assert len(drawn) < 4000


def test_a_gap_is_seen_and_says_why():
    days = charts.filled(DAYS, MONDAY, WEDNESDAY)
    gap = figure(days, {TUESDAY: "paused"})["data"][-1]
    assert gap["x"] == ["2026-03-03"]
    assert gap["text"] == ["paused"]
    assert gap["y"][0] > 0
    assert "you had paused" in gap["hovertext"][0]


def test_what_is_shown_on_hovering_is_escaped():
    days = [DayTotal(MONDAY, events={"<b>x</b>": 1, "scrolling": 1})]
    assert "<b>" not in json.dumps(figure(days)["data"])


def test_the_sentence_says_what_was_kept_dropped_and_paused():
    days = charts.filled(DAYS, MONDAY, WEDNESDAY)
    said = charts.volume_sentence(days, {TUESDAY: "paused"})
    assert said == (
        "16 events kept in 3 days, most on Monday 2 March (12). 5 events more were sent and dropped on arrival. "
        "You had paused on 3 March: what was sent meanwhile was dropped."
    )
    assert charts.volume_sentence([DayTotal(MONDAY)]) == "Nothing was kept in these days, and nothing was sent."


def test_the_table_holds_the_figures_of_the_chart():
    table = charts.volume_table(DAYS, {})
    assert table["head"][:5] == ["Day", "Pointer movement", "Scrolling", "Kept", "Dropped"]
    assert table["rows"][1][1:5] == ["10", "2", "12", "5"]
