"""What a policy says of a source's door: read strictly, numbered, told in the notice, asked about where it widens."""

from __future__ import annotations

import time

import pytest
from django.core.management import CommandError
from django.test import Client

from consent import actions, asking
from consent.models import NoticeVersion
from portal.register import export
from portal.register.document import PolicyFaults, from_document
from portal.register.models import DoorRules, Source
from portal.register.preview import preview
from tests.makers import make_batch, make_collector, send

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
STRICT = {"titles": {"keep": "words", "words": ["Invoice"], "apps": {"Calc": "nothing"}}, "urls": {"keep": "host"}}

DESK, PAYROLL = "https://desk.example", "https://payroll.example"


def with_door(company, **said):
    document = company.document()
    document["sources"][0] |= said
    return document


def test_stricter_rules_ask_nobody_and_each_weaker_one_is_a_wider_notice(company, ada):
    company.go_live()
    actions.give(subject_id=ada.pk, purpose_key="assistant-training", path="tests")
    company.go_live(with_door(company, allowed_apps=["Writer"], redaction=STRICT))
    assert "assistant-training" not in asking.questions(ada.pk)
    actions.give(subject_id=ada.pk, purpose_key="assistant-training", path="tests")
    rules = actions.gate.read(ada.pk).grants["assistant-training"].rules["desktop"]
    assert rules.allowed_apps == {"Writer"}
    assert rules.redaction.version == 2
    for door in ({"allowed_apps": ["Writer", "Calc"], "redaction": STRICT}, {"redaction": STRICT}):
        company.go_live(with_door(company, **door))
        [change] = asking.questions(ada.pk)["assistant-training"].changes
        assert change.what in ("allowed_apps", "any_app")
        assert actions.gate.read(ada.pk).grants["assistant-training"].rules["desktop"] == rules
    weaker = with_door(company, allowed_apps=["Writer"])
    company.apply(weaker)
    [purpose] = [each for each in preview() if each.key == "assistant-training"]
    assert any(line.startswith("Cut less, from Desktop recorder: Of window titles") for line in purpose.begins)
    company.approve(company.legal)
    company.approve(company.council)
    assert [each.what for each in asking.questions(ada.pk)["assistant-training"].changes] == ["titles"]


def test_each_set_of_rules_has_a_number_and_the_notice_says_them(company):
    company.go_live()
    desktop = Source.objects.get(pk="desktop")
    assert desktop.redaction == {"version": 1}
    company.go_live(with_door(company, allowed_apps=["Writer", "Calc"], redaction=STRICT))
    company.go_live(with_door(company, allowed_apps=["Calc", "Writer"], redaction=STRICT, owner="Somebody else"))
    desktop.refresh_from_db()
    assert desktop.redaction["version"] == 2
    newest = NoticeVersion.objects.filter(notice__purpose="assistant-training", notice__language="en").latest("version")
    for said in (
        "Only what happens in these apps is kept: Calc, Writer.",
        "Of window titles is kept: only these words: invoice. Of those of Calc: nothing.",
        "follows version 2 of this source's rules",
    ):
        assert said in newest.text, said
    assert newest.terms["sources"]["desktop"]["redaction"]["version"] == 2
    company.go_live()
    assert [
        each.rules.get("allowed_apps") for each in DoorRules.objects.filter(source="desktop").order_by("version")
    ] == [
        None,
        ["Calc", "Writer"],
        None,
    ]


def test_what_was_exported_is_nothing_new(company):
    document = with_door(company, allowed_apps=["Writer"], redaction=STRICT)
    document["sources"][1]["origins"] = ["https://crm.example", "http://localhost:8000"]
    company.go_live(document)
    found = {each.key: each for each in export.live().sources}
    assert found["desktop"].allowed_apps == ["Writer"]
    assert found["desktop"].redaction.model_dump(exclude_defaults=True) == STRICT
    assert found["browser"].origins == ["https://crm.example", "http://localhost:8000"]
    before = DoorRules.objects.count()
    company.apply(export.to_yaml(export.live()))
    assert DoorRules.objects.count() == before


WRONG = [
    ({"allowed_apps": []}, "at least 1 item"),
    ({"allowed_apps": ["unknown"]}, "cannot hold 'unknown'"),
    ({"allowed_apps": ["Signal"]}, "in blocked_apps and in allowed_apps"),
    ({"redaction": {"title": {}}}, "is not known here"),
    ({"redaction": {"titles": {"keep": "some"}}}, "'all', 'first_part'"),
    ({"redaction": {"titles": {"keep": "words"}}}, "needs `words`"),
    ({"redaction": {"titles": {"words": ["a"]}}}, "belongs to `keep: words`"),
    ({"redaction": {"urls": {"keep": "host", "query": ["a"]}}}, "keeps no query"),
    ({"redaction": {"urls": {"keep": ".*"}}}, "'host'"),
    ({"redaction": {"version": 9}}, "is not known here"),
    ({"origins": ["https://crm.example"]}, "belong to a source of kind browser"),
    *(
        ({"kind": "browser", "origins": [origin]}, "pattern")
        for origin in ("*", "null", "https://*.example", "http://crm.example", "https://a.example/", "https://A.example",
                       "https://u@a.example", "https://a.example:port", "javascript://a", "https://a.example\n")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("said", "why"), WRONG)
def test_what_cannot_be_obeyed_is_refused_with_its_place(company, said, why):
    with pytest.raises(PolicyFaults, match=r"sources\[0\]") as refused:
        from_document(with_door(company, **said))
    assert why in str(refused.value)


def test_under_an_answer_without_rules_nothing_is_let_in_further(company, ada):
    free = {"refusal_consequence": "None.", "alternative": "Something else."}
    actions.define_purpose(key="assistant-training", title="x", basis="consent", **free)
    covers = {"desktop": ["app_usage"]}
    actions.publish_notice(purpose_key="assistant-training", language="en", text="# x\n", covers=covers)
    actions.give(subject_id=ada.pk, purpose_key="assistant-training", path="tests")
    company.go_live(with_door(company, allowed_apps=["Writer"], redaction=STRICT))
    for door in (
        {"redaction": STRICT},
        {"allowed_apps": ["Writer", "Calc"], "redaction": STRICT},
        {"allowed_apps": ["Writer"]},
    ):
        company.apply(with_door(company, **door))
        with pytest.raises(CommandError, match="a purpose of its own"):
            company.approve(company.legal)


def allowed(token, origin) -> set[str]:
    """Return what a page of this origin is told that it may send."""
    headers = {"authorization": f"Bearer {token}", "origin": origin}
    answer = Client().get("/api/v1/permissions?source=desktop", headers=headers)
    assert answer.status_code == 200
    return {name for name, each in answer.json()["categories"].items() if each["allowed"]}


def test_the_pages_of_another_application_are_a_wider_notice_and_nothing_of_them_is_kept_before_the_answer(
    company, ada
):
    def pages(*origins):
        return with_door(company, kind="browser", origins=list(origins))

    company.go_live(pages(DESK))
    actions.give(subject_id=ada.pk, purpose_key="assistant-training", path="tests")
    token = make_collector(ada, "desktop")
    assert allowed(token, DESK)
    company.go_live(pages(DESK, PAYROLL))
    [change] = asking.questions(ada.pk)["assistant-training"].changes
    assert (change.what, change.after) == ("origins", [PAYROLL])
    newest = NoticeVersion.objects.filter(notice__purpose="assistant-training", notice__language="en").latest("version")
    assert f"It runs in the pages of: {DESK}, {PAYROLL}." in newest.text
    assert allowed(token, DESK)
    assert not allowed(token, PAYROLL)
    batch = make_batch(None, [{"t": int(time.time() * 1000), "type": "pointermove", "x": 1, "y": 2}], source="desktop")
    assert send(Client(), token, batch, origin=PAYROLL).json()["stored"] == 0
    actions.give(subject_id=ada.pk, purpose_key="assistant-training", path="tests")
    assert allowed(token, PAYROLL)
