"""What asks for more is asked: a wider policy is a new notice version; until it is answered the old answer holds."""

from __future__ import annotations

import pytest
from django.core.management import CommandError
from django.db import connection, transaction

from consent import actions, asking
from consent.models import NoticeVersion
from consent.terms import Code
from portal.register.models import Flow, Source
from portal.register.preview import preview

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
PURPOSES = ("assistant-training", "writing-help", "browser-tools")


@pytest.fixture
def yes(company, ada):
    """Ada said yes to all that rests on consent, and was told of the rest."""
    company.go_live()
    for purpose in PURPOSES:
        actions.give(subject_id=ada.pk, purpose_key=purpose, path="tests")
    for purpose in ("fault-finding", "monitoring-new-york"):
        actions.acknowledge(subject_id=ada.pk, purpose_key=purpose, path="tests")
    return ada


def off_hours(document):
    document["sources"][1]["flows"][0]["off_hours"] = True


def exact_timing(document):
    document["sources"][0]["flows"][3]["exact_timing"] = True


def another_app(document):
    document["sources"][0]["flows"][5]["content_apps"].append("Mail")


def fewer_blocked(document):
    document["sources"][0]["blocked_apps"].pop()


def kept_parameter(document):
    document["sources"][1]["redaction"] = {"urls": {"query": ["page", "token"]}}


def another_category(document):
    document["purposes"][2]["retention"].append({"category": "pointer_clicks", "days": 9, "why": "x"})
    document["sources"][1]["flows"].append({"category": "pointer_clicks", "purpose": "browser-tools", "why": "x"})


def another_source(document):
    document["sources"][2]["flows"].append({"category": "app_usage", "purpose": "fault-finding", "why": "x"})


def another_purpose(document):
    document["purposes"][1]["description"] = "Text teaches a model whatever we like."


def another_recipient(document):
    document["purposes"][1]["recipients"] = ["research-lab"]


def receives_more(document):
    document["recipients"][0]["receives"] = "all that is recorded, as it was sent"


def another_country(document):
    document["recipients"][1].update(country="US", safeguard="Adequacy decision of 2023")


def longer(document):
    document["purposes"][1]["retention"][0]["days"] = 31


def another_basis(document):
    document["purposes"][1].update(basis="contract", refusal_consequence="")


FAULTS, TEACHING = "fault-finding", "assistant-training"
WIDER = [
    (off_hours, {"browser-tools": Code.RULE}),
    (exact_timing, {TEACHING: Code.RULE}),
    (another_app, {"writing-help": Code.RULE}),
    (fewer_blocked, {TEACHING: Code.RULE, "writing-help": Code.RULE, FAULTS: Code.RULE}),
    (kept_parameter, {"browser-tools": Code.RULE}),
    (another_category, {"browser-tools": Code.CATEGORY}),
    (another_source, {FAULTS: Code.SOURCE}),
    (another_purpose, {"writing-help": Code.PURPOSE}),
    (another_recipient, {"writing-help": Code.RECIPIENT}),
    (receives_more, {TEACHING: Code.RULE}),
    (another_country, {FAULTS: Code.COUNTRY}),
    (longer, {"writing-help": Code.RETENTION}),
    (another_basis, {"writing-help": Code.BASIS}),
]


def asked(person):
    """What somebody is asked again, each with the one reason."""
    found = asking.questions(person.pk)
    assert all(each.why == asking.Why.WIDENED for each in found.values() if each.answer)
    return {key: each.changes[0].code for key, each in found.items() if each.answer}


def grants(person):
    return {key: (each.version, each.covers, each.rules) for key, each in actions.gate.read(person.pk).grants.items()}


def published(company, change):
    document = company.document()
    change(document)
    company.go_live(document)


def test_what_widens_asks_again_whoever_answered_and_changes_no_answer_meanwhile(company, yes, ben):
    for purpose in PURPOSES:
        actions.refuse(subject_id=ben.pk, purpose_key=purpose, path="tests")
    before = grants(yes)
    for widen, codes in WIDER:
        published(company, widen)
        assert asked(yes) == codes, widen.__name__
        assert asked(ben) == {key: code for key, code in codes.items() if key in PURPOSES}, widen.__name__
        assert grants(yes) == before, widen.__name__


def test_the_new_rule_is_agreed_to_by_a_new_yes_alone(company, yes):
    published(company, another_app)
    apps = actions.gate.read(yes.pk).grants["writing-help"].rules["desktop"].flows["keystroke_content"].content_apps
    assert apps == {"Writer", "Calc"}
    actions.give(subject_id=yes.pk, purpose_key="writing-help", path="tests", version=2)
    apps = actions.gate.read(yes.pk).grants["writing-help"].rules["desktop"].flows["keystroke_content"].content_apps
    assert apps == {"Writer", "Calc", "Mail"}
    assert not asking.questions(yes.pk)


def no_flows(document):
    """Leave out what is about to come back looser."""
    document["sources"][1]["flows"] = document["sources"][1]["flows"][1:]
    document["sources"][0]["flows"] = [
        each for n, each in enumerate(document["sources"][0]["flows"]) if n not in (3, 5)
    ]


def retired_source(document):
    for source in document["sources"][:2]:
        source["retired"] = True


LOOSER = [off_hours, exact_timing, another_app, fewer_blocked, kept_parameter]


@pytest.mark.parametrize("leave_out", [no_flows, retired_source])
def test_nor_is_a_yes_widened_by_leaving_things_out_and_bringing_them_back(company, yes, leave_out):
    before = grants(yes)
    published(company, leave_out)
    assert not asked(yes)
    for widen in LOOSER:
        published(company, widen)
        assert asked(yes) == dict(WIDER)[widen], widen.__name__
        assert grants(yes) == before, widen.__name__


def test_a_source_that_was_answered_as_one_for_devices_does_not_become_an_import(company, yes):
    """Of an import what is older than the answer is taken in, and whatever the hour."""
    document = company.document()
    document["sources"][0].update(kind="import", earlier_recordings="All that there is.")
    with pytest.raises(CommandError, match=r"sources\[0\].kind: 'desktop' is of kind 'agent'"):
        company.apply(document)
    assert Source.objects.get(pk="desktop").kind == "agent"


def test_another_basis_leaves_a_yes_on_the_one_it_was_given_on_until_it_was_answered(company, yes, ben):
    actions.give(subject_id=ben.pk, purpose_key="writing-help", path="tests")
    published(company, another_basis)
    assert actions.gate.read(yes.pk).grants["writing-help"].basis == "consent"
    actions.withdraw(subject_id=yes.pk, purpose_key="writing-help", path="tests")
    assert "writing-help" not in actions.gate.read(yes.pk).grants
    actions.acknowledge(subject_id=ben.pk, purpose_key="writing-help", path="tests")
    assert actions.gate.read(ben.pk).grants["writing-help"].basis == "contract"


def other_words(document):
    document["purposes"][1]["title"] = "Better suggestions"
    document["purposes"][1]["notices"]["en"]["summary"] = "The same in other words."
    document["sources"][0]["flows"][5]["why"] = "Sentences teach suggestions."
    document["controller"]["dpo_name"] = "Somebody Else"
    document["sources"][0]["assessment"]["dated"] = "2026-09-16"


def fewer_apps(document):
    document["sources"][0]["flows"][5]["content_apps"].pop()


def more_blocked(document):
    document["sources"][0]["blocked_apps"].append("Bank")


def shorter(document):
    document["purposes"][1]["retention"][0]["days"] = 3


def nobody_receives(document):
    document["purposes"][0]["recipients"] = "none"


def test_other_words_and_what_narrows_make_a_version_at_once_and_ask_nobody(company, yes):
    for change in (other_words, fewer_apps, more_blocked, shorter, nobody_receives, no_flows):
        before = NoticeVersion.objects.count()
        published(company, change)
        assert NoticeVersion.objects.count() > before, change.__name__
        assert not asking.questions(yes.pk), change.__name__
        if change is fewer_apps:
            assert Flow.objects.get(category="keystroke_content").content_apps == ["Writer"]
        if change is more_blocked:
            assert "Bank" in Source.objects.get(pk="desktop").blocked_apps


def test_a_new_category_waits_for_each_persons_answer(company, yes):
    published(company, another_category)
    assert "pointer_clicks" not in actions.gate.read(yes.pk).grants["browser-tools"].covers["browser"]
    actions.give(subject_id=yes.pk, purpose_key="browser-tools", path="tests")
    assert "pointer_clicks" in actions.gate.read(yes.pk).grants["browser-tools"].covers["browser"]


def test_a_purpose_with_several_languages_asks_in_each_of_them(company, yes):
    published(company, longer)
    assert asking.questions(yes.pk, "de")["writing-help"].notice.notice.language == "de"
    said = NoticeVersion.objects.filter(notice__purpose="writing-help", version=2)
    assert {each.notice.language for each in said.select_related("notice")} == {"en", "de"}
    assert len({str(each.terms) for each in said}) == 1


def test_a_version_of_the_last_release_gets_its_terms_and_asks_nobody(company, ada):
    """It said in machine-readable form only what it covers; that it now says more is no wider policy."""
    free = {"refusal_consequence": "None.", "alternative": "Public texts."}
    actions.define_purpose(key="writing-help", title="Better suggestions while writing", basis="consent", **free)
    covers = {"desktop": ["keystroke_content"]}
    actions.publish_notice(purpose_key="writing-help", language="en", text="# As it was\n", covers=covers)
    actions.give(subject_id=ada.pk, purpose_key="writing-help", path="tests")
    company.go_live()
    assert NoticeVersion.objects.in_force("writing-help").version == 2
    assert NoticeVersion.objects.in_force("writing-help").terms
    assert "writing-help" not in asking.questions(ada.pk)
    assert actions.gate.read(ada.pk).grants["writing-help"].rules is None
    published(company, another_category_of_writing)
    assert asking.questions(ada.pk)["writing-help"].changes[0].code == Code.CATEGORY


@pytest.fixture
def earlier(company, ada):
    """Ada answered in the first release, when an answer carried no rules."""
    free = {"refusal_consequence": "None.", "alternative": "Something else."}
    for purpose in PURPOSES:
        actions.define_purpose(key=purpose, title=purpose, basis="consent", **free)
        actions.publish_notice(
            purpose_key=purpose, language="en", text=f"# {purpose}\n", covers={"desktop": ["scrolling"]}
        )
        actions.give(subject_id=ada.pk, purpose_key=purpose, path="tests")
    company.go_live()
    return ada


def test_under_an_answer_that_carries_no_rules_nothing_is_loosened(company, earlier):
    for widen in (*LOOSER, another_basis):
        document = company.document()
        widen(document)
        company.apply(document)
        with pytest.raises(CommandError, match="a purpose of its own"):
            company.approve(company.legal)
    assert not Flow.objects.filter(exact_timing=True).exists()
    assert Source.objects.get(pk="desktop").blocked_apps == ["KeePass", "1Password", "Signal"]


@pytest.fixture
def upgraded(company, yes):
    """What is live, and Ada's answers, as the first release left them: without terms and rules."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = 'replica'")
        cursor.execute("UPDATE consent_noticeversion SET terms = '{}', text = split_part(text, E'\\n\\n---', 1)")
        for purpose in PURPOSES:
            cursor.execute("UPDATE consent_gate SET grants = grants #- %s", [f"{{{purpose},rules}}"])
    return yes


@pytest.mark.parametrize(
    ("widen", "first"),
    [
        (another_purpose, None),
        (longer, other_words),
        *(
            pytest.param(widen, first, marks=pytest.mark.drill)
            for widen in (another_recipient, another_country, another_category)
            for first in (None, other_words)
        ),
    ],
)
def test_whoever_answered_in_the_first_release_is_asked_about_all_that_is_added(company, upgraded, widen, first):
    if first:
        published(company, first)
    before = grants(upgraded)
    document = company.document()
    widen(document)
    company.apply(document)
    assert {each.key for each in preview() if each.counts["asked_yes"]} == dict(WIDER)[widen].keys()
    company.approve(company.legal)
    company.approve(company.council)
    assert asked(upgraded) == dict(WIDER)[widen]
    assert grants(upgraded) == before


def test_once_all_of_them_answered_anew_it_is(company, earlier):
    for purpose in PURPOSES:
        actions.give(subject_id=earlier.pk, purpose_key=purpose, path="tests")
    published(company, another_app)
    assert asked(earlier) == {"writing-help": Code.RULE}


def another_category_of_writing(document):
    document["purposes"][1]["retention"].append({"category": "scrolling", "days": 9, "why": "x"})
    document["sources"][0]["flows"].append({"category": "scrolling", "purpose": "writing-help", "why": "x"})
