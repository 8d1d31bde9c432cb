"""A day from hour to hour: what was kept when, what kept anything away, and no word on what somebody did meanwhile."""

from __future__ import annotations

import html
import re
import time
from datetime import UTC, date, datetime, timedelta

import pytest
from django.utils import timezone

from consent import actions, marking
from portal.events import gaps
from portal.events.enrolment import actions as enrolment
from portal.events.enrolment.models import Collector
from portal.events.openday import open_day
from portal.events.timeline import bands
from portal.people.guards import actor_for
from portal.people.models import Employee
from portal.register.models import Flow
from tests.makers import make_batch, make_collector, make_permitted, make_token, send

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
def ada(ada):
    Employee.objects.filter(pk=ada.pk).update(time_zone="UTC")
    ada.refresh_from_db()
    return ada


@pytest.fixture
def put(client, ada):
    make_permitted(ada, source="old", kind="import")
    token = make_token("events.write", sources=["old"])

    def call(*events):
        answer = send(client, token, make_batch(ada, list(events), source="old"))
        assert answer.status_code == 201, answer.content

    return call


def move(hour, day=MONDAY, **over):
    t = int((day + timedelta(hours=hour)).timestamp() * 1000)
    return {"t": t, "type": "pointermove", "x": 1, "y": 2, **over}


@pytest.fixture
def look(as_ada, ada):
    def call(day=MONDAY, query=""):
        answer = as_ada.get(f"/people/{ada.pk}/data/{day:%Y-%m-%d}/{query}")
        assert answer.status_code == 200
        return html.unescape(answer.content.decode())

    return call


def stripes(said):
    """(when, how much) of each stripe of the first line."""
    line = said.split('<div class="bands">')[1].split("</svg>")[0]
    return re.findall(r"<a [^>]*><rect[^>]*><title>([^<]*): ([^<]*)</title>", line)


def test_each_stripe_is_a_stretch_in_which_something_was_kept(look, put):
    put(move(9), move(9.1), move(9.3), move(14.5))
    said = look()
    assert stripes(said) == [("09:00 to 09:30", "3 events"), ("14:30 to 14:45", "1 event")]
    assert "4 events kept, in no app known." in said
    assert "Where a line is neither filled nor hatched, nothing of it was sent." in said


def test_a_stripe_opens_to_just_its_events(look, put):
    put(move(9, app="Figma"), move(9.1), move(14.5))
    said = look()
    link = re.findall(r'<a href="[^"]*(\?start=[^"#]*)#events"', said)[0]
    assert "2 events match" in look(query=link)
    of_app = next(link for link in re.findall(r'<a href="[^"]*(\?start=[^"#]*)#events"', said) if "app=Figma" in link)
    then = look(query=of_app)
    assert "1 event matches" in then
    assert "Of the app Figma only" in then


def test_the_table_says_the_same(look, put):
    put(move(9), {**move(9), "type": "wheel", "deltaX": 0, "deltaY": 1})
    table = look().split("The day from hour to hour, as a table")[1].split("</table>")[0]
    rows = re.findall(r'<th scope="row">([^<]*)</th><td><i[^>]*></i>([^<]*)</td>', table)
    assert rows == [("09:00 to 09:15", "Pointer movement"), ("09:00 to 09:15", "Scrolling")]


@pytest.mark.parametrize(
    ("day", "hours", "stripe"),
    [(date(2026, 3, 29), 23, "03:00 to 03:15"), (date(2026, 10, 25), 25, "02:00 to 02:15")],
)
def test_a_day_on_which_the_clocks_change_is_as_long_as_it_was(look, put, ada, day, hours, stripe):
    Employee.objects.filter(pk=ada.pk).update(time_zone="Europe/Berlin")
    ada.refresh_from_db()
    start, end = gaps.span_of(day, ada)
    change = datetime(day.year, day.month, day.day, 1, tzinfo=UTC)
    put(move(0, day=change))
    assert (end - start) == hours * bands.HOUR
    said = look(day)
    assert stripes(said) == [(stripe, "1 event")]
    assert f'viewBox="0 0 {hours * 60}.0 10"' in said
    link = re.findall(r'<a href="[^"]*(\?start=[^"#]*)#events"', said)[0]
    assert "1 event matches" in look(day, link)


def test_events_of_a_zone_that_was_left_are_still_drawn(look, put, ada):
    put(move(0.5), move(23.5))
    Employee.objects.filter(pk=ada.pk).update(time_zone="Asia/Tokyo")
    assert [count for _when, count in stripes(look())] == ["1 event", "1 event"]


def test_what_kept_anything_away_is_hatched_with_exact_times(look, put, ada, monkeypatch):
    put(move(9))
    with monkeypatch.context() as patched:
        patched.setattr(timezone, "now", lambda: MONDAY + timedelta(hours=10, minutes=17))
        actions.pause(subject_id=ada.pk, until=MONDAY + timedelta(hours=11, minutes=2))
    said = look()
    assert "Nothing could be taken: " in said
    assert "10:17 to 11:02 (you had paused)" in said
    assert '<rect class="hole" x="617.0" width="45.0"' in said


def test_time_outside_working_hours_is_a_gap_only_where_every_rule_keeps_to_them(look, ada, monkeypatch):
    Employee.objects.filter(pk=ada.pk).update(working_hours="Mo-Fr 08:00-18:00")
    with monkeypatch.context() as patched:
        patched.setattr(timezone, "now", lambda: MONDAY - timedelta(days=9))
        make_permitted(ada, off_hours=False)
    said = look()
    assert "Until 08:00: outside your working hours" in said
    assert "From 18:00 on: outside your working hours" in said
    assert "00:00 to 08:00 (outside your working hours)" in said
    Flow.objects.update(off_hours=True)
    assert "outside your working hours" not in look()


def test_a_marked_day_says_so_and_not_why(look, put, ada, as_ada):
    today = timezone.localdate()
    marking.mark(subject_id=ada.pk, days=[today], today=today)
    assert "All day: you had marked the day" in look(today)
    assert "you had marked the day" in html.unescape(as_ada.get(f"/people/{ada.pk}/data/").content.decode())
    put(move(0, day=timezone.now()))
    said = look(today)
    assert ("because it was on a day that you marked" in said) != ("All day: you had marked the day" not in said)


def test_where_something_was_dropped_an_empty_place_claims_less(look, put, ada):
    put(move(9))
    actions.pause(subject_id=ada.pk, until=timezone.now() + timedelta(hours=1))
    put(move(0, day=timezone.now()))
    today = timezone.now()
    assert "it was not sent, or dropped on arrival" in look(today)


def test_nothing_on_the_page_speaks_of_idleness(look, put):
    put(move(9), move(15))
    said = look().lower()
    assert not [word for word in ("idle", "inactive", "productiv", "score", "away from") if word in said]


def test_a_day_is_read_in_columns(put, ada):
    put(*[move(9 + n / 1000) for n in range(300)])
    opened = open_day(ada.pk, MONDAY.date())
    span = gaps.span_of(MONDAY.date(), ada)
    runs = bands.of_categories(opened, span)["pointer_movement"]
    assert sum(run.count for run in runs) == 300


def test_a_device_that_was_paused_is_shown_with_its_times_while_others_go_on(look, ada):
    make_permitted(ada)
    make_collector(ada, device="ThinkPad")
    make_collector(ada, device="Mac")
    collector, actor = Collector.objects.order_by("pk").first(), actor_for(ada, ada.pk)
    enrolment.pause(collector=collector, by=actor)
    time.sleep(0.01)
    enrolment.resume(collector=collector, by=actor)
    name = collector.device.opened().name
    said = look(timezone.localdate())
    assert re.search(rf"{name}, \d\d:\d\d to \d\d:\d\d: you had paused this device", said)
    assert said.count("you had paused this device") == 3  # in the list, as a stripe and in the table
    assert "None of your devices was joined on this day" in look(timezone.localdate() - timedelta(days=40))
