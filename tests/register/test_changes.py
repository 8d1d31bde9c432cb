"""Each way in which a notice can widen or narrow is said in a plain sentence."""

from __future__ import annotations

import copy

import pytest

from consent.terms import Code, narrowed, widened
from portal.register.changes import sentence, sentence_less

FLOW = {"off_hours": False, "exact_timing": False, "content_apps": []}
TERMS = {
    "purpose": {"key": "train", "title": "Train", "description": "To train it."},
    "basis": "consent",
    "sources": {
        "agent": {
            "title": "Desktop agent",
            "blocked_apps": ["KeePass"],
            "categories": {"pointer_clicks": dict(FLOW), "keystroke_timing": dict(FLOW)},
        }
    },
    "recipients": [{"key": "lab", "name": "Lab", "country": "DE"}],
    "processors": [],
    "retention": {"pointer_clicks": 30},
}


def changed(**over):
    return copy.deepcopy(TERMS) | over


def agent(**over):
    return {"agent": copy.deepcopy(TERMS["sources"]["agent"]) | over}


def flows(**over):
    return agent(categories=copy.deepcopy(TERMS["sources"]["agent"]["categories"]) | over)


WIDER = [
    (
        changed(purpose={"key": "train", "description": "To rank."}),
        "Another purpose: “To rank.” Before: “To train it.”",
    ),
    (
        changed(basis="legitimate_interest"),
        "Another legal basis: a legitimate interest (Art. 6(1)(f) GDPR), instead of your consent (Art. 6(1)(a) GDPR).",
    ),
    (
        changed(sources=agent() | {"web": {"title": "Browser", "categories": {"scrolling": dict(FLOW)}}}),
        "A new source, Browser: scrolling.",
    ),
    (changed(sources=flows(scrolling=dict(FLOW))), "New from Desktop agent: scrolling."),
    (
        changed(sources=flows(pointer_clicks=FLOW | {"off_hours": True})),
        "Also outside your working hours: clicks, and where, from Desktop agent.",
    ),
    (
        changed(sources=flows(keystroke_timing=FLOW | {"exact_timing": True})),
        "More exact: which keys are pressed, and when; not the text, from Desktop agent, "
        "to the millisecond instead of the second.",
    ),
    (
        changed(sources=flows(keystroke_timing=FLOW | {"content_apps": ["Mail"]})),
        "New apps: which keys are pressed, and when; not the text, from Desktop agent, also in Mail.",
    ),
    (
        changed(sources=agent(blocked_apps=[])),
        "No longer left out: what Desktop agent sends while KeePass is in front.",
    ),
    (
        changed(recipients=[*TERMS["recipients"], {"key": "x", "name": "X", "country": "US"}]),
        "A new recipient: X (US).",
    ),
    (
        changed(recipients=[{"key": "lab", "name": "Laboratory", "country": "DE"}]),
        "A new recipient: Laboratory (DE) instead of Lab.",
    ),
    (
        changed(recipients=[{"key": "lab", "name": "Lab", "country": "US"}]),
        "In another country: Lab, in US instead of DE.",
    ),
    (changed(retention={"pointer_clicks": 60}), "Kept longer: clicks, and where, 60 days instead of 30."),
]
NARROWER = [
    (changed(sources={}), "No longer collected: all that Desktop agent sent."),
    (
        changed(sources=agent(categories={"keystroke_timing": dict(FLOW)})),
        "No longer collected from Desktop agent: clicks, and where.",
    ),
    (changed(recipients=[]), "No longer a recipient: Lab."),
    (
        changed(retention={"pointer_clicks": 1}),
        "Kept for a shorter time: clicks, and where, 1 day instead of 30.",
    ),
    (
        changed(sources=agent(blocked_apps=["KeePass", "Bank"])),
        "Now left out: what Desktop agent sends while Bank is in front.",
    ),
]


@pytest.mark.parametrize(("terms", "said"), WIDER, ids=[said for _terms, said in WIDER])
def test_what_widens_is_said(terms, said):
    assert [sentence(each) for each in widened(TERMS, terms)] == [said]


@pytest.mark.parametrize(("terms", "said"), NARROWER, ids=[said for _terms, said in NARROWER])
def test_what_narrows_is_said(terms, said):
    assert [sentence_less(each) for each in narrowed(TERMS, terms)] == [said]


PLACES = [
    ({"only_in": ["DE"]}, {"only_in": ["DE", "FR"]}, "FR"),
    ({"only_in": ["DE"]}, {}, "every country not named"),
    ({"only_in": ["DE"]}, {"not_in": ["FR"]}, "every country not named"),
    ({"not_in": ["DE", "FR"]}, {"not_in": ["FR"]}, "DE"),
    ({"not_in": ["DE"]}, {}, "DE"),
]


@pytest.mark.parametrize(("old", "new", "countries"), PLACES)
def test_where_a_source_comes_and_goes_is_said(old, new, countries):
    old, new = changed(sources=agent(**old)), changed(sources=agent(**new))
    more = f"Now active in more countries: Desktop agent, in {countries}."
    assert [sentence(each) for each in widened(old, new)] == [more]
    less = f"No longer active there: Desktop agent, in {countries}."
    assert [sentence_less(each) for each in narrowed(new, old)] == [less]


def test_what_words_alone_say_is_repeated():
    old = changed(recipients=[TERMS["recipients"][0] | {"receives": "reduced actions"}])
    new = changed(recipients=[TERMS["recipients"][0] | {"receives": "raw traces"}])
    assert list(map(sentence, widened(old, new))) == ["What Lab receives is another: raw traces."]
    old, new = (changed(sources=agent(earlier_recordings=said)) for said in ("This year's.", "Those since 2010."))
    assert list(map(sentence, widened(old, new))) == [
        "Other earlier recordings are taken in from Desktop agent: Those since 2010."
    ]


def test_what_machines_decide_is_said():
    old, new = (changed(automated_decisions=said) for said in ("None.", "Who is asked to a talk."))
    assert list(map(sentence, widened(old, new))) == ["What machines decide is another: Who is asked to a talk."]
    assert not widened(TERMS, new)


def test_a_stricter_rule_is_said():
    looser = changed(sources=flows(pointer_clicks=FLOW | {"off_hours": True}))
    [change] = narrowed(looser, TERMS)
    assert sentence_less(change) == "No longer outside your working hours: clicks, and where, from Desktop agent."


def test_every_code_has_its_words():
    told = {each.code for terms, _said in WIDER for each in widened(TERMS, terms)}
    assert told == set(Code)


def door(**said):
    return changed(sources=agent(categories={"app_usage": dict(FLOW), "web_navigation": dict(FLOW)}, **said))


STRICT = {"titles": {"keep": "first_part", "apps": {"Mail": "nothing"}}, "urls": {"keep": "path_without_ids"}}
DOORS = [
    (
        {"allowed_apps": ["Editor"]},
        {"allowed_apps": ["Editor", "Mail"]},
        "New apps: what Desktop agent sends while Mail is in front is kept too.",
        "No longer kept: what Desktop agent sends while Mail is in front.",
    ),
    (
        {"allowed_apps": ["Editor"]},
        {},
        "No longer from some apps alone: what Desktop agent sends from any app. Before, only: Editor.",
        "Now only from some apps, by Desktop agent: Editor.",
    ),
    (
        {"redaction": STRICT},
        {"redaction": STRICT | {"titles": {"keep": "first_part"}}},
        "Cut less, from Desktop agent: Of window titles is kept: what stands before the first dash or bar.",
        "Cut more, from Desktop agent: Of window titles is kept: what stands before the first dash or bar. Of those of "
        "Mail: nothing.",
    ),
    (
        {"redaction": STRICT},
        {"redaction": STRICT | {"urls": {"keep": "path"}}},
        "Cut less, from Desktop agent: Of addresses of pages is kept: the name of the host and the path.",
        "Cut more, from Desktop agent: Of addresses of pages is kept: the name of the host, and the path without what "
        "has digits.",
    ),
    (
        {"redaction": {"urls": {"keep": "path"}}},
        {"redaction": {"urls": {"query": ["page"]}}},
        "Cut less, from Desktop agent: Of addresses of pages is kept: the name of the host and the path. What stands "
        "behind a ? or # is cut off but for page; names and passwords are cut off too.",
        "Cut more, from Desktop agent: Of addresses of pages is kept: the name of the host and the path. What stands "
        "behind a ? or #, names and passwords are cut off before they are kept.",
    ),
    (
        {"redaction": {"urls": {"keep": "path"}}},
        {},
        "Cut less, from Desktop agent: Addresses of pages are kept as they were sent; names and passwords in them are "
        "cut off before.",
        "Cut more, from Desktop agent: Of addresses of pages is kept: the name of the host and the path. What stands "
        "behind a ? or #, names and passwords are cut off before they are kept.",
    ),
    (
        {"origins": ["https://desk.example"]},
        {"origins": ["https://desk.example", "https://payroll.example"]},
        "New pages: Desktop agent also runs in the pages of https://payroll.example.",
        "Fewer pages: Desktop agent no longer runs in the pages of https://payroll.example.",
    ),
]


@pytest.mark.parametrize(("strict", "loose", "more", "less"), DOORS)
def test_what_the_door_lets_in_is_said(strict, loose, more, less):
    strict, loose = door(**strict), door(**loose)
    assert [sentence(each).startswith(more) for each in widened(strict, loose)] == [True]
    assert [sentence_less(each).startswith(less) for each in narrowed(loose, strict)] == [True]
    assert not widened(loose, strict)


def test_the_number_of_the_rules_and_what_is_not_collected_ask_nobody():
    old, new = (door(redaction=STRICT | {"version": n}) for n in (1, 2))
    assert not widened(old, new)
    assert not widened(changed(sources=agent(redaction=STRICT)), changed(sources=agent()))
