"""What widens, what narrows and what is only worded anew; and when an answer lapses."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime

import pytest

from consent import terms

AT = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
BASE = {
    "purpose": {"key": "train", "title": "Training", "description": "An assistant learns."},
    "basis": "consent",
    "sources": {
        "agent": {
            "title": "Desktop agent",
            "blocked_apps": ["Bank", "Health"],
            "categories": {
                "scrolling": {"off_hours": False, "exact_timing": False, "content_apps": []},
                "keystroke_content": {"off_hours": False, "exact_timing": False, "content_apps": ["Mail"]},
            },
        }
    },
    "recipients": [{"key": "lab", "name": "The lab", "country": "DE"}],
    "processors": [{"key": "host", "name": "The host", "country": "DE"}],
    "retention": {"scrolling": 30},
}


def changed(*path, to):
    new = deepcopy(BASE)
    place = new
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return new


AGENT = ("sources", "agent")
SCROLLING = (*AGENT, "categories", "scrolling")
ADDED = {"title": "Browser", "categories": {"web_navigation": {}}}
WIDER = {
    "purpose": (changed("purpose", "description", to="Another assistant learns."), "purpose"),
    "basis": (changed("basis", to="legitimate_interest"), "basis"),
    "source": (changed("sources", "browser", to=ADDED), "source"),
    "category": (changed(*AGENT, "categories", "app_usage", to={}), "category"),
    "off hours": (changed(*SCROLLING, "off_hours", to=True), "rule"),
    "exact timing": (changed(*SCROLLING, "exact_timing", to=True), "rule"),
    "a freed app": (changed(*AGENT, "blocked_apps", to=["Bank"]), "rule"),
    "an app with text": (
        changed(*AGENT, "categories", "keystroke_content", "content_apps", to=["Mail", "Chat"]),
        "rule",
    ),
    "recipient": (
        changed("recipients", to=[*BASE["recipients"], {"key": "x", "name": "X", "country": "DE"}]),
        "recipient",
    ),
    "processor": (changed("processors", to=[{"key": "y", "name": "Y", "country": "DE"}]), "recipient"),
    "another under the same key": (changed("recipients", 0, "name", to="Somebody else"), "recipient"),
    "country": (changed("recipients", 0, "country", to="US"), "country"),
    "retention": (changed("retention", "scrolling", to=31), "retention"),
}
SAME = {
    "nothing": BASE,
    "the title": changed("purpose", "title", to="Training our assistant"),
    "a source's title": changed(*AGENT, "title", to="The desktop agent"),
    "what a recipient receives, where nothing was said": changed("recipients", 0, "receives", to="actions"),
    "more blocked apps": changed(*AGENT, "blocked_apps", to=["Bank", "Health", "Union"]),
    "shorter": changed("retention", "scrolling", to=7),
    "no source": changed("sources", to={}),
    "no recipient": changed("recipients", to=[]),
    "another order": dict(reversed(BASE.items())),
}


@pytest.mark.parametrize("name", sorted(WIDER))
def test_each_way_to_widen_is_found_and_named(name):
    new, code = WIDER[name]
    assert [each.code for each in terms.widened(BASE, new)] == [code]


@pytest.mark.parametrize("name", sorted(SAME))
def test_wording_and_narrowing_widen_nothing(name):
    assert terms.widened(BASE, SAME[name]) == []


@pytest.mark.parametrize("name", sorted(set(WIDER) - {"purpose", "basis", "processor"}))
def test_what_widens_one_way_narrows_the_other(name):
    new, code = WIDER[name]
    assert [each.code for each in terms.narrowed(new, BASE)] == [code]
    if name not in {"country", "another under the same key"}:
        assert terms.narrowed(BASE, new) == []


def test_how_much_somebody_gets_or_an_import_takes_in_is_no_wording():
    """Both are said in words alone: nobody can tell which are wider."""
    old = changed("recipients", 0, "receives", to="Reduced actions, never raw traces.")
    new = changed("recipients", 0, "receives", to="All events as they were sent.")
    [change] = terms.widened(old, new)
    assert (change.code, change.what, change.after) == ("rule", "receives", ["All events as they were sent."])
    old = changed(*AGENT, "earlier_recordings", to="Those of this year.")
    new = changed(*AGENT, "earlier_recordings", to="Those since 2010.")
    [change] = terms.widened(old, new)
    assert (change.code, change.what, change.source) == ("rule", "earlier_recordings", "Desktop agent")
    assert terms.narrowed(old, new) == []


def test_where_the_older_terms_are_silent_only_what_they_covered_is_compared():
    old = terms.from_covers({"agent": ["scrolling", "keystroke_content"]})
    assert terms.widened(old, BASE) == []
    assert [each.what for each in terms.widened(terms.from_covers({"agent": ["scrolling"]}), BASE)] == [
        "keystroke_content"
    ]


def test_the_text_is_bound_to_its_terms_and_to_no_others():
    text = terms.bound("What we do.\n", BASE)
    assert terms.is_bound(text, BASE)
    assert not any(terms.is_bound(text, new) for new, _code in WIDER.values())
    assert not terms.is_bound("What we do.\n", BASE)
    assert terms.bound("What we do.\n", {}) == "What we do.\n"


@pytest.mark.parametrize(
    ("expires", "until"),
    [
        ({}, None),
        ({"after_days": 365}, datetime(2027, 3, 4, 5, 6, tzinfo=UTC)),
        ({"each": "calendar_year"}, datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_an_answer_lapses_when_its_terms_say_so(expires, until):
    assert terms.until({"expires": expires}, AT) == until


def test_rules_come_back_from_the_gate_row_as_they_went_in():
    rules = terms.read_rules(terms.rules_of(BASE))["agent"]
    assert rules.blocked_apps == {"Bank", "Health"}
    assert rules.flows["keystroke_content"].content_apps == {"Mail"}
    assert not rules.flows["scrolling"].off_hours
