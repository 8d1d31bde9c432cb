"""A copy's pages: every event in a browser without tools, colleagues by their role, however many."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core.management import call_command

from consent.values import Scope
from portal.events import reading
from portal.events.portions import portions
from portal.rights.pack import days
from tests.makers import make_employee
from tests.rights.conftest import ask, at, carry_out, make_events, store, stored, unzip

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def today():
    return datetime.now(UTC).date()


def pages(files):
    return {name: body.decode() for name, body in files.items() if name.startswith("days/")}


def rows(page):
    return re.findall(r"^<tr><td>(.*)$", page, re.MULTILINE)


def test_each_day_has_its_page_with_every_event(recorded):
    found = pages(unzip(carry_out(ask(recorded))))
    assert sorted(found) == [f"days/{today() - timedelta(days=n)}-001.html" for n in (40, 3, 2)]
    for page in found.values():
        assert len(rows(page)) == 8
        for said in ("pointer moved", "title =SUM(A1)", "https://example.org/?q=1", "down -120.5", "x -3 y 2.5"):
            assert said in page


def test_a_long_day_goes_on_over_pages_that_lead_to_each_other(recorded, monkeypatch):
    monkeypatch.setattr(days, "EVENTS_A_PAGE", 4)
    store(recorded, make_events(at(1), n=6))
    found = pages(unzip(carry_out(ask(recorded))))
    yesterday = [name for name in sorted(found) if name.startswith(f"days/{today() - timedelta(days=1)}")]
    assert [len(rows(found[name])) for name in yesterday] == [4, 4, 3]
    for one, two in zip(yesterday, yesterday[1:], strict=False):
        assert f'href="{two.removeprefix("days/")}"' in found[one]
        assert f'href="{one.removeprefix("days/")}"' in found[two]
    assert "Next page" not in found[yesterday[-1]]


def test_it_is_the_same_whether_the_day_is_sealed_or_not_or_both(recorded):
    before = pages(unzip(carry_out(ask(recorded))))
    call_command("seal_segments")
    assert pages(unzip(carry_out(ask(recorded)))) == before
    store(recorded, [{"t": at(3) + 15, "type": "pointermove", "x": 77, "y": 78}])
    [changed] = [page for page in pages(unzip(carry_out(ask(recorded)))).values() if "x 77 y 78" in page]
    assert [("x 77" in row, "x -3" in row) for row in rows(changed)][1:3] == [(False, True), (True, False)]


def test_portions_are_the_day_whatever_their_size(recorded):
    call_command("seal_segments")
    store(recorded, make_events(at(3) + 500, n=5))
    [day] = {each for each in reading.stored_days(recorded.pk) if each == today() - timedelta(days=3)}
    whole = reading.table(recorded.pk, day).to_pylist()
    for size in (1, 3, 1000):
        parts = [row for table in portions(recorded.pk, day, size) for row in table.to_pylist()]
        assert [row["t"] for row in parts] == [row["t"] for row in whole]
        assert sorted(parts, key=str) == sorted(whole, key=str)


def test_a_page_runs_nothing_and_asks_for_nothing(recorded):
    store(recorded, [{"t": at(1), "type": "focus", "app": "<b>x", "title": "<script>alert(1)</script>"}])
    for page in pages(unzip(carry_out(ask(recorded)))).values():
        assert "<script" not in page
        assert not re.search(r"""(src|href)=["'](https?:)?//""", page)
        assert "default-src 'none'" in page


def test_a_narrower_copy_has_narrower_pages(recorded):
    scope = Scope(categories=frozenset({"keystroke_timing"}), from_ms=at(3), to_ms=at(3) + 3600_000)
    [page] = pages(unzip(carry_out(ask(recorded, scope=scope)))).values()
    [row] = rows(page)
    assert ("KeyA" in row, "typed" in row) == (True, False)


def test_beyond_a_million_the_newest_days_are_pages_and_no_day_between_is_left_out():
    day = date(2026, 1, 1)
    counts = {day + timedelta(days=n): n for n in (1, 2, 3, 4)}
    assert days.shares(counts, 100) == counts
    assert days.shares(counts, 7) == {day + timedelta(days=4): 4, day + timedelta(days=3): 3}
    assert days.shares(counts, 5) == {day + timedelta(days=4): 4}
    assert days.shares({day: 50}, 5) == {day: 5}


def test_colleagues_stand_by_their_role_on_pages_and_in_files_and_the_person_by_name(recorded):
    boss = make_employee("Barbara Liskov")
    type(recorded).objects.filter(pk=recorded.pk).update(name="Ada Lovelace", manager=boss)
    make_employee("Grace Brewster Hopper", email="grace.h@example.org")
    titles = {
        "Call with Grace Hopper": "Call with [a colleague]",
        "Hopper, Grace: draft": "[a colleague]: draft",
        "Barbara Liskov and Ada Lovelace": "[your manager] and Ada Lovelace",
        "The grace of a hopper": "The grace of a hopper",
    }
    urls = {
        "https://example.org/p/grace.hopper?tab=1": "https://example.org/p/[a colleague]?tab=1",
        "https://example.org/q?who=Grace%20Hopper&x=%2F1": "https://example.org/q?who=[a colleague]&x=/1",
        "https://example.org/a%2Fb": "https://example.org/a%2Fb",
    }
    t = at(1)
    store(recorded, [{"t": t + n, "type": "focus", "app": "mail", "title": each} for n, each in enumerate(titles)])
    store(recorded, [{"t": t + 100 + n, "type": "navigate", "url": each} for n, each in enumerate(urls)])
    files = unzip(carry_out(ask(recorded, format="jsonl")))
    events = [json.loads(line) for name in files if name.startswith("data/") for line in files[name].splitlines()]
    assert {each["title"] for each in events if each["t"] // 1000 == t // 1000 and "title" in each} == {
        *titles.values()
    } | set()
    assert {each["url"] for each in events if t <= each["t"] < t + 500 and "url" in each} == {*urls.values()}
    page = "".join(pages(files).values())
    assert "Call with [a colleague]" in page
    assert "Grace Hopper" not in page
    # The person's own pages show it all: nothing was changed in the store.
    assert {row["title"] for row in stored(recorded) if "title" in row} >= set(titles)
