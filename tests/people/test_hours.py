"""Working hours, by the clock on the person's wall."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.people.hours import BadHours, inside, parse


def at(text, zone="Europe/Berlin"):
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp() * 1000)


@pytest.mark.parametrize(
    ("when", "works"),
    [
        ("2026-11-20T07:59:59.999", False),
        ("2026-11-20T08:00", True),
        ("2026-11-20T17:59:59.999", True),
        ("2026-11-20T18:00", False),
        ("2026-11-21T09:30", True),  # Saturday
        ("2026-11-21T13:00", False),
        ("2026-11-22T10:00", False),  # Sunday
    ],
)
def test_the_edges_of_a_day(when, works):
    assert inside("Mo-Fr 08:00-18:00; Sa 09:00-12:00", "Europe/Berlin")(at(when)) is works


def test_without_known_hours_every_time_is_inside():
    assert inside("", "Europe/Berlin")(0)
    assert inside("  ", "Europe/Berlin")(0)


@pytest.mark.parametrize(
    ("when", "works"),
    [
        ("2026-11-20T23:00", True),
        ("2026-11-21T05:59", True),
        ("2026-11-21T06:00", False),
        ("2026-11-20T21:59", False),
        ("2026-11-20T00:30", False),  # Thursday has no shift
    ],
)
def test_a_shift_may_end_after_midnight(when, works):
    assert inside("Fr 22:00-06:00", "Europe/Berlin")(at(when)) is works


def test_sunday_night_runs_into_monday():
    assert inside("Su 22:00-06:00", "UTC")(at("2026-11-23T01:00", "UTC"))


def test_a_day_may_end_at_midnight_and_begin_there():
    works = inside("Mo-Su 00:00-24:00", "Europe/Berlin")
    assert works(at("2026-11-20T23:59:59.999"))
    assert works(at("2026-11-21T00:00"))


def test_days_may_run_over_the_weekend():
    works = inside("Sa-Mo 10:00-11:00", "UTC")
    assert [works(at(f"2026-11-{day}T10:30", "UTC")) for day in (20, 21, 22, 23, 24)] == [
        False,
        True,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_the_wall_clock_decides_when_the_clocks_change(day):
    works = inside("Su 01:00-09:00", "Europe/Berlin")
    assert works(at(f"{day}T08:59"))
    assert not works(at(f"{day}T09:00"))


@pytest.mark.parametrize(
    "text",
    [
        "nine to five",
        "Mo-Fr",
        "Mo-Fr 8:00-18:00",
        "Mo-Xx 08:00-18:00",
        "Mo 08:00-08:00",
        "Mo 24:00-08:00",
        "Mo 08:60-09:00",
        "Mo 08:00-24:01",
        ";",
        "Mo 08:00-18:00;",
        "Mo 08:00-18:00 ",
        "Mo ٠٨:٠٠-١٨:٠٠",
    ],
)
def test_what_cannot_be_read_says_so(text):
    if text.endswith(" "):
        assert parse(text)  # spaces around a rule are nothing
        return
    with pytest.raises(BadHours):
        parse(text)


def slow(text, zone, t_ms):
    """The same answer by the clock on the wall."""
    local = datetime.fromtimestamp(t_ms / 1000, UTC).astimezone(ZoneInfo(zone))
    minute = local.hour * 60 + local.minute
    return any(start <= minute < end for start, end in parse(text).days[local.weekday()])


@given(
    st.lists(st.integers(1_760_000_000_000, 1_790_000_000_000), max_size=40),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
def test_it_agrees_with_the_wall_clock_in_whatever_order_it_is_asked(instants, zone):
    text = "Mo-Fr 08:00-12:00; Mo-Fr 12:00-18:00; Sa 20:00-04:00"
    works = inside(text, zone)
    assert [works(each) for each in instants] == [slow(text, zone, each) for each in instants]
