"""My data: the calendar, one day to the single event, the chart; for the person alone."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent import actions as consent
from portal.audit.models import Act
from portal.audit.values import Action
from portal.events.models import Segment
from portal.vault import objects
from tests.makers import make_batch, make_permitted, make_token, send
from tests.pages.conftest import BACKEND

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])

MONDAY = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DAY = "2026-03-02"


def ms(at):
    return int(at.timestamp() * 1000)


@pytest.fixture
def recordings(ada):
    return make_permitted(ada, source="old", kind="import", title="Earlier recordings")


@pytest.fixture
def put(client, ada, recordings):
    """Send events of Ada's earlier recordings."""
    token = make_token("events.write", sources=["old"])

    def call(*events):
        answer = send(client, token, make_batch(ada, list(events), source="old"))
        assert answer.status_code == 201, answer.content
        return answer.json()

    return call


def move(at=MONDAY, x=512, y=300, **over):
    return {"t": ms(at), "type": "pointermove", "x": x, "y": y, **over}


def click(at=MONDAY, **over):
    return {"t": ms(at), "type": "pointerdown", "x": 1, "y": 2, "button": 0, **over}


def address(person, *rest):
    return "/".join(["", "people", str(person.pk), *rest, ""])


def text(answer):
    return answer.content.decode()


def test_a_month_shows_each_day_with_its_count_and_opens_it(as_ada, ada, put):
    put(move(), move(), click())
    page = text(as_ada.get(address(ada, "data") + "?month=2026-03"))
    assert f'href="{address(ada, "data", DAY)}"' in page
    assert "Monday 2 March, 3 events kept" in page


def test_a_number_of_a_month_opens_the_days_that_it_counts(as_ada, ada, put):
    put(move(), move(), click())
    page = text(as_ada.get(address(ada, "data") + "?month=2026-03&category=pointer_clicks"))
    assert f'href="{address(ada, "data", DAY)}?category=pointer_clicks"' in page
    assert "Monday 2 March, 1 event kept" in page


@pytest.mark.parametrize("month", ["", "2026-13", "tomorrow", "9999-12", "0000-00", "%00"])
def test_a_month_that_is_none_is_this_month(as_ada, ada, month):
    page = text(as_ada.get(address(ada, "data"), {"month": month}))
    assert timezone.localdate().strftime("%B %Y") in page


def test_a_day_shows_every_event_in_the_persons_own_time(as_ada, ada, put):
    put(move(app="Figma"), click(MONDAY + timedelta(seconds=1)))
    page = text(as_ada.get(address(ada, "data", DAY)))
    assert "10:30:00" in page  # Ada is in Berlin
    assert "Pointer moved at 512, 300" in page
    assert "Pressed left button at 1, 2" in page
    assert "Figma" in page
    assert "Earlier recordings" in page


def test_what_a_page_shows_of_an_event_is_escaped(as_ada, ada, put):
    put({"t": ms(MONDAY), "type": "focus", "app": "<b>x</b>", "title": "<script>alert(1)</script>"})
    page = text(as_ada.get(address(ada, "data", DAY)))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_filters_choose_by_category_source_and_time(as_ada, ada, put):
    put(move(), click(), click(MONDAY + timedelta(hours=2)))

    def matching(query):
        return text(as_ada.get(address(ada, "data", DAY) + query))

    assert "2 events match" in matching("?category=pointer_clicks")
    assert "3 events match" in matching("?source=old")
    assert "1 event matches" in matching("?since=12:00")
    assert "2 events match" in matching("?until=12:00")
    assert "1 event matches" in matching("?category=pointer_clicks&until=12:00")
    assert "No event of this day matches" in matching("?since=20:00")


@pytest.mark.parametrize("query", ["?since=soon", "?source=other", "?category=mood", "?since=12:00&until=11:00"])
def test_a_filter_that_cannot_be_read_says_so_and_the_page_stands(as_ada, ada, put, query):
    put(move())
    answer = as_ada.get(address(ada, "data", DAY) + query)
    assert answer.status_code == 200
    assert "errorlist" in text(answer)


def test_a_day_comes_page_by_page_and_the_pages_make_the_day(as_ada, ada, put):
    put(*[move(MONDAY + timedelta(seconds=n), x=n) for n in range(250)])
    pages = [text(as_ada.get(address(ada, "data", DAY) + f"?page={n}")) for n in (1, 2, 3)]
    assert [page.count("Pointer moved") for page in pages] == [100, 100, 50]
    assert 'rel="next"' not in pages[2].split('class="pager"')[1]
    assert as_ada.get(address(ada, "data", DAY) + "?page=4").status_code == 404
    assert as_ada.get(address(ada, "data", DAY) + "?page=-1").status_code == 404


def test_what_was_dropped_is_counted_with_its_reason(as_ada, ada, put):
    consent.pause(subject_id=ada.pk, until=timezone.now() + timedelta(hours=1))
    time.sleep(0.002)
    put(move(timezone.now()), move(timezone.now()))
    today = timezone.localdate(timezone=ZoneInfo(ada.time_zone)).isoformat()
    page = text(as_ada.get(address(ada, "data", today)))
    assert "because you had paused" in page
    assert "Only these counts are left of it" in page


def test_the_chart_has_its_table_and_one_sentence(as_ada, ada, put):
    now = timezone.now() - timedelta(minutes=1)
    put(move(now), move(now), click(now))
    page = text(as_ada.get(address(ada, "chart") + "?days=7"))
    assert "3 events kept in 7 days" in page
    assert "The same as a table" in page
    assert '"type":"bar"' in page.replace(" ", "")


@pytest.mark.parametrize("rest", [["data"], ["data", DAY], ["chart"]])
def test_another_persons_page_is_not_there_and_the_try_is_shown_to_them(client, ada, ben, hana, put, rest):
    put(move())
    for other in (ben, hana):
        client.force_login(other, BACKEND)
        assert client.get(address(ada, *rest)).status_code == 404
    refused = Act.objects.for_subject(ada.pk).looks().filter(action=Action.ACCESS_REFUSED)
    assert refused.count() == 2
    client.force_login(ada, BACKEND)
    assert text(client.get("/who-looked/")).count("tried to open your pages and was refused") == 2


@pytest.mark.parametrize("rest", [["data"], ["data", DAY], ["chart"]])
def test_nobody_sees_a_persons_page_without_signing_in(client, ada, rest):
    answer = client.get(address(ada, *rest))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


def test_a_day_that_is_none_is_not_there(as_ada, ada):
    for day in ("2026-02-30", "2026-13-01", "0000-00-00"):
        assert as_ada.get(address(ada, "data", day)).status_code == 404


def test_a_look_at_single_events_is_written_down_once_an_hour_and_a_chart_is_not(as_ada, ada, put):
    put(move())
    for _ in range(3):
        as_ada.get(address(ada, "data", DAY))
    as_ada.get(address(ada, "data"))
    as_ada.get(address(ada, "chart"))
    acts = Act.objects.for_subject(ada.pk).looks()
    assert [act.action for act in acts] == [Action.DATA_VIEWED]
    assert acts[0].leaf_idx is None


def queries(client, path):
    with CaptureQueriesContext(
        connection,
    ) as seen:
        assert client.get(path).status_code == 200
    return len(seen)


@pytest.mark.parametrize("rest", [["data"], ["data", DAY], ["chart"]])
def test_a_page_costs_the_same_whatever_there_is(as_ada, ada, put, rest):
    put(move())
    path = address(ada, *rest) + "?month=2026-03"
    as_ada.get(path)
    few = queries(as_ada, path)
    put(*[move(MONDAY + timedelta(seconds=n)) for n in range(500)])
    put(*[click(MONDAY + timedelta(days=n)) for n in range(20)])
    assert queries(as_ada, path) <= few
    assert few <= 32


def test_a_day_reads_its_own_segment_and_blocks_and_nothing_else(as_ada, ada, put):
    for day in range(3):
        put(*[move(MONDAY + timedelta(days=day, seconds=n)) for n in range(300)])
    call_command("seal_segments")
    put(click(MONDAY + timedelta(hours=1)))
    mine = Segment.objects.for_subject(ada.pk).get(day=DAY)
    for other in Segment.objects.for_subject(ada.pk).exclude(pk=mine.pk):
        objects.delete(other.name)
    page = text(as_ada.get(address(ada, "data", DAY) + "?page=4"))
    assert "Pressed left button" in page
