"""The worked cases of regulators and those derived from the rules, and the sentence beside each date."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from portal.rights import deadlines
from portal.rights.deadlines import Book, Calendar, Rule
from portal.rights.values import Kind

DOCUMENT = json.loads((Path(__file__).parent / "vectors" / "deadlines.json").read_text())
VECTORS = DOCUMENT["vectors"]
JUNETEENTH = "Juneteenth National Independence Day"


def named(key):
    return deadlines.book().rules[key]


ENGLAND = Calendar("GB", "ENG")
REGIMES = {
    "UK": (named("uk-gdpr"), ENGLAND),
    "UK-LE-only": (named("uk-gdpr"), ENGLAND),
    "UK/EU": (named("uk-gdpr"), ENGLAND),
    "EU": (named("eu-1182-71"), Calendar("DE")),
    "EU-DE": (named("eu-1182-71"), Calendar("DE")),
    "EU-AT": (named("eu-1182-71"), Calendar("AT")),
    "CCPA": (named("ccpa"), Calendar()),
    "CCPA-ack": (named("ccpa-confirm"), deadlines.rule_for("US-CA")[1]),
    "EU-weeks": (Rule(key="weeks", weeks=3), Calendar("DE")),
}
DATED = [vector for vector in VECTORS if "hours" not in vector]


def reckon(vector, **how):
    rule, days_off = REGIMES[vector["regime"]]
    # UK: the time runs from the later of the request and what identifies the person (Art. 12A).
    received = date.fromisoformat(vector.get("id_info_received", vector["event"]))
    return deadlines.due(rule, days_off, received, excluded_days=vector.get("excluded_days", 0), **how).day


@pytest.mark.parametrize("vector", DATED, ids=lambda vector: vector["id"])
def test_it_finds_the_date_of_each_worked_case(vector):
    found = reckon(vector, extended=vector.get("extended", False))
    if vector.get("do_not_use"):
        assert found == date(2026, 7, 30) != date.fromisoformat(vector["due"])
    else:
        assert found == date.fromisoformat(vector["due"])


def test_every_worked_case_is_used():
    assert len(VECTORS) == 28
    assert {vector["id"] for vector in VECTORS} - {vector["id"] for vector in DATED} == {"V27"}


def test_the_breach_clock_counts_hours_through_a_weekend():
    [vector] = [vector for vector in VECTORS if vector["id"] == "V27"]
    began = datetime.fromisoformat(vector["event"])
    assert began + timedelta(hours=vector["hours"]) == datetime.fromisoformat(vector["due"])


def test_an_extension_has_other_dates_where_the_holidays_differ():
    [vector] = [vector for vector in VECTORS if vector["id"] == "V19"]
    found = deadlines.due(named("eu-1182-71"), Calendar("DE"), date.fromisoformat(vector["event"]), extended=True)
    assert found.day.isoformat() == vector["due_eu_no_holiday"]


def test_california_extends_to_ninety_days_from_receipt():
    [vector] = [vector for vector in VECTORS if vector["id"] == "V23"]
    assert reckon(vector, extended=True).isoformat() == vector["extended_due"]


def test_juneteenth_moves_the_confirmation_where_it_is_a_day_off():
    [vector] = [vector for vector in VECTORS if vector["id"] == "V24"]
    found = deadlines.due(named("ccpa-confirm"), Calendar("US"), date.fromisoformat(vector["event"]))
    assert found.day.isoformat() == vector["due_if_juneteenth_not_business_day"]


def test_california_confirms_within_ten_business_days():
    [vector] = [vector for vector in VECTORS if vector["id"] == "V24"]
    rule, days_off = deadlines.rule_for("US-CA")
    found = deadlines.confirmation_for(rule, days_off, date.fromisoformat(vector["event"]))
    assert found.day.isoformat() == vector["due"]
    assert deadlines.confirmation_for(*deadlines.rule_for("DE"), date(2026, 6, 5)) is None


@pytest.mark.parametrize("received", ["2026-01-29", "2026-01-30", "2026-01-31", "2026-05-31", "2026-10-31"])
def test_an_extension_counts_from_the_receipt_and_not_from_the_first_date(received):
    assert all(datetime.fromisoformat(received).strftime("%-d %b") in text for text in [DOCUMENT["traps_2026"][0]])
    start = date.fromisoformat(received)
    rule = named("eu-1182-71").model_copy(update={"rolls": False})
    first = deadlines.due(rule, Calendar(), start).day
    from_first = deadlines.due(Rule(key="two", months=2, rolls=False), Calendar(), first).day
    assert deadlines.due(rule, Calendar(), start, extended=True).day != from_first


def test_the_explanation_says_each_step():
    found = deadlines.due(named("eu-1182-71"), Calendar("DE"), date(2026, 1, 31))
    assert found.explanation == (
        "received Sat 31 Jan 2026; one month; there is no 31 Feb, so its last day counts; "
        "Sat 28 Feb 2026 is a weekend; Sun 1 Mar 2026 is a weekend; due by the end of Mon 2 Mar 2026."
    )


def test_one_day_of_waiting_is_said_as_one():
    found = deadlines.due(named("uk-gdpr"), ENGLAND, date(2026, 10, 1), excluded_days=1)
    assert "; 1 day of waiting for an answer does not count; " in found.explanation


@pytest.mark.parametrize(
    ("jurisdiction", "rule", "calendar"),
    [
        ("DE", "eu-1182-71", "DE"),
        ("DE-BY", "eu-1182-71", "DE-BY"),
        ("FR", "eu-1182-71", "FR"),
        ("NO", "eu-1182-71", "NO"),
        ("GB", "uk-gdpr", "GB-ENG"),
        ("GB-SCT", "uk-gdpr", "GB-SCT"),
        ("GB-NIR", "uk-gdpr", "GB-NIR"),
        ("GB-LND", "uk-gdpr", "GB-ENG"),
        ("US-NY", "house", "US-NY"),
        ("US-CA", "ccpa", "US-CA"),
        ("XX", "house", ""),
    ],
)
def test_the_rule_and_the_calendar_follow_where_the_person_works(jurisdiction, rule, calendar):
    found, days_off = deadlines.rule_for(jurisdiction)
    assert (found.key, days_off.name) == (rule, calendar)


@pytest.mark.parametrize(
    ("jurisdiction", "received", "due"),
    [
        ("DE", date(2026, 6, 5), date(2026, 7, 5)),  # a Sunday: nothing moves it
        ("GB", date(2026, 6, 5), date(2026, 7, 6)),  # the ICO moves it to the next working day
        ("US-CA", date(2026, 6, 5), date(2026, 7, 5)),
    ],
)
def test_a_complaint_has_a_clock_of_thirty_days(jurisdiction, received, due):
    rule, days_off = deadlines.rule_for(jurisdiction, Kind.COMPLAINT)
    assert deadlines.due(rule, days_off, received).day == due
    assert not rule.can_be_extended


@pytest.mark.parametrize(
    ("jurisdiction", "signed_in", "by_letter"),
    [("GB", True, True), ("DE", False, True), ("US-CA", False, False)],
)
def test_whose_days_of_waiting_do_not_count(jurisdiction, signed_in, by_letter):
    rule, _days_off = deadlines.rule_for(jurisdiction)
    assert rule.stops(identified=True) is signed_in
    assert rule.stops(identified=False) is by_letter


def test_a_state_has_its_own_holidays():
    _rule, bavaria = deadlines.rule_for("DE-BY")
    _rule, germany = deadlines.rule_for("DE")
    epiphany = date(2026, 1, 6)
    assert not bavaria.is_working(epiphany)
    assert germany.is_working(epiphany)


def test_scotland_and_northern_ireland_have_other_days_off_than_england():
    days = {"GB-SCT": date(2026, 1, 2), "GB-NIR": date(2026, 3, 17)}
    for nation, day in days.items():
        assert not deadlines.rule_for(nation)[1].is_working(day)
        assert deadlines.rule_for("GB-ENG")[1].is_working(day)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"rules": {"eu": {"months": 1, "days": 30}}}, "a rule has one length"),
        ({"rules": {"eu": {}}}, "a rule has one length"),
        ({"rules": {"eu": {"month": 1}}}, "Extra inputs"),
        ({"places": {"": {"rule": "uk", "complaint": "eu", "calendar": "own"}}}, "no such rule: uk"),
        ({"places": {"DE": {"rule": "eu", "complaint": "eu", "calendar": "own"}}}, "everywhere else"),
    ],
)
def test_a_wrong_book_of_rules_is_refused(wrong, why):
    right = {
        "version": "1",
        "rules": {"eu": {"months": 1}},
        "places": {"": {"rule": "eu", "complaint": "eu", "calendar": "own"}},
    }
    Book.model_validate(right)
    with pytest.raises(ValidationError, match=why):
        Book.model_validate(right | wrong)


def test_a_date_says_of_which_versions_it_is():
    rules, _plus, days_off = deadlines.version().partition("+")
    assert rules == yaml.safe_load(deadlines.FILE.read_text())["version"]
    assert days_off.startswith("holidays-")
    assert len(deadlines.version()) <= 24
