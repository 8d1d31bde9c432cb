"""The worked cases of regulators and those derived from the rules, and the sentence beside each date."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from portal.rights import deadlines
from portal.rights.deadlines import CALIFORNIA, CALIFORNIA_CONFIRM, EU, UK, Calendar, Rule

VECTORS = json.loads((Path(__file__).parent / "vectors" / "deadlines.json").read_text())["vectors"]
ENGLAND = Calendar("GB", "ENG")
JUNETEENTH = "Juneteenth National Independence Day"
REGIMES = {
    "UK": (UK, ENGLAND),
    "UK-LE-only": (UK, ENGLAND),
    "UK/EU": (UK, ENGLAND),
    "EU": (EU, Calendar("DE")),
    "EU-DE": (EU, Calendar("DE")),
    "EU-AT": (EU, Calendar("AT")),
    "CCPA": (CALIFORNIA, Calendar()),
    "CCPA-ack": (CALIFORNIA_CONFIRM, Calendar("US", "CA", frozenset({JUNETEENTH}))),
    "EU-weeks": (Rule("weeks", weeks=3), Calendar("DE")),
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
        assert found == date(2026, 7, 30)
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
    found = deadlines.due(EU, Calendar("DE"), date.fromisoformat(vector["event"]), extended=True)
    assert found.day.isoformat() == vector["due_eu_no_holiday"]


def test_california_extends_to_ninety_days_from_receipt():
    [vector] = [vector for vector in VECTORS if vector["id"] == "V23"]
    assert reckon(vector, extended=True).isoformat() == vector["extended_due"]


def test_juneteenth_moves_the_confirmation_where_it_is_a_day_off():
    [vector] = [vector for vector in VECTORS if vector["id"] == "V24"]
    found = deadlines.due(CALIFORNIA_CONFIRM, Calendar("US"), date.fromisoformat(vector["event"]))
    assert found.day.isoformat() == vector["due_if_juneteenth_not_business_day"]


def test_the_explanation_says_each_step():
    found = deadlines.due(EU, Calendar("DE"), date(2026, 1, 31))
    assert found.explanation == (
        "received Sat 31 Jan 2026; one month; there is no 31 Feb, so its last day counts; "
        "Sat 28 Feb 2026 is a weekend; Sun 1 Mar 2026 is a weekend; due by the end of Mon 2 Mar 2026."
    )


@pytest.mark.parametrize(
    ("jurisdiction", "rule", "country"),
    [
        ("DE", "eu-1182-71", "DE"),
        ("DE-BY", "eu-1182-71", "DE"),
        ("FR", "eu-1182-71", "FR"),
        ("GB", "uk-gdpr", "GB"),
        ("GB-SCT", "uk-gdpr", "GB"),
        ("US-CA", "ccpa", ""),
        ("US-NY", "house", "US"),
        ("XX", "house", ""),
    ],
)
def test_the_rule_follows_where_the_person_works(jurisdiction, rule, country):
    found, days_off = deadlines.rule_for(jurisdiction)
    assert (found.key, days_off.country) == (rule, country)


def test_a_state_has_its_own_holidays():
    _rule, bavaria = deadlines.rule_for("DE-BY")
    _rule, germany = deadlines.rule_for("DE")
    epiphany = date(2026, 1, 6)
    assert not bavaria.is_working(epiphany)
    assert germany.is_working(epiphany)
