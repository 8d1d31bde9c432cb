"""What a card says before the click is what the store does after it: what stops, what goes, what stays and goes on."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from consent import actions as decisions
from consent import gate
from portal.events import words
from portal.rights.models import SubjectRequest
from tests.pages.conftest import BACKEND
from tests.pages.test_choices import forms, press
from tests.rights.conftest import carry_out, stored

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
NAMES = {str(name).lower(): key for key, name in words.CATEGORIES.items()}


@pytest.fixture
def as_her(client, two_purposes, soon):
    client.force_login(two_purposes, BACKEND)
    return client


def said(client, purpose):
    """Return what the form of a withdrawal says, as text and as counts by category."""
    [form] = forms(client.get("/choices/"), "withdraw", purpose)
    text = " ".join(re.sub(r"<[^>]+>", " ", form).split())
    counts = re.findall(r"([\d,]+) of ([a-z ]+?)(?:,|\.)", text.split("What is erased")[1].split("What goes on")[0])
    return text, {NAMES[name]: int(number.replace(",", "")) for number, name in counts}


def kept(person):
    found = Counter(row["category"] for row in stored(person))
    found["keystroke_content"] = sum(1 for row in stored(person) if row.get("key"))
    return found


@pytest.mark.parametrize("purpose", ["train", "support"])
def test_the_counts_are_those_that_go(as_her, two_purposes, purpose):
    before = kept(two_purposes)
    _text, counts = said(as_her, purpose)
    press(as_her, as_her.get("/choices/"), "withdraw", purpose)
    carry_out(SubjectRequest.objects.get(kind="erasure"))
    gone = before - kept(two_purposes)
    # Of a typed character whose event goes with it the event alone is counted.
    gone.pop("keystroke_content", None)
    assert counts == +gone


def test_what_another_purpose_covers_is_said_to_go_on_and_does(as_her, two_purposes):
    text, _counts = said(as_her, "train")
    assert "clicks for “Support”." in text
    press(as_her, as_her.get("/choices/"), "withdraw", "train")
    carry_out(SubjectRequest.objects.get(kind="erasure"))
    assert set(gate.read(two_purposes.pk).grants) == {"support"}
    assert {row["category"] for row in stored(two_purposes)} == {"pointer_clicks"}


def test_after_a_no_to_the_one_a_no_to_the_other_takes_what_both_covered(as_her, two_purposes):
    decisions.withdraw(subject_id=two_purposes.pk, purpose_key="support", path="test")
    _text, counts = said(as_her, "train")
    assert counts["pointer_clicks"] == kept(two_purposes)["pointer_clicks"]


def test_nothing_is_erased_by_looking(as_her, two_purposes):
    before = kept(two_purposes)
    for _time in range(2):
        said(as_her, "train")
    assert kept(two_purposes) == before
    assert not SubjectRequest.objects.exists()


def test_with_72_hours_collection_stops_at_once_and_the_data_waits(as_her, two_purposes):
    before = kept(two_purposes)
    press(as_her, as_her.get("/choices/"), "withdraw", "train", erase="72h")
    assert set(gate.read(two_purposes.pk).grants) == {"support"}
    assert kept(two_purposes) == before
