"""Nobody's yes is widened behind their back."""

from __future__ import annotations

import pytest
from django.core.management import CommandError

from consent import actions
from portal.register.models import Flow, Source

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def off_hours(document):
    document["sources"][1]["flows"][0]["off_hours"] = True


def exact_timing(document):
    document["sources"][0]["flows"][3]["exact_timing"] = True


def another_app(document):
    document["sources"][0]["flows"][5]["content_apps"].append("Mail")


def fewer_blocked(document):
    document["sources"][0]["blocked_apps"].pop()


@pytest.mark.parametrize("widen", [off_hours, exact_timing, another_app, fewer_blocked])
def test_terms_are_not_widened_under_a_standing_yes(company, ada, widen):
    company.go_live()
    for purpose in ("assistant-training", "writing-help", "browser-tools"):
        actions.give(subject_id=ada.pk, purpose_key=purpose, path="tests")
    document = company.document()
    widen(document)
    company.apply(document)
    with pytest.raises(CommandError, match="a purpose of its own"):
        company.approve(company.legal)
    assert not Flow.objects.filter(exact_timing=True).exists()
    assert Source.objects.get(pk="desktop").blocked_apps == ["KeePass", "1Password", "Signal"]


def no_flows(document):
    """Leave out what is about to come back looser."""
    document["sources"][1]["flows"] = document["sources"][1]["flows"][1:]
    document["sources"][0]["flows"] = [
        each for n, each in enumerate(document["sources"][0]["flows"]) if n not in (3, 5)
    ]


def retired_source(document):
    for source in document["sources"][:2]:
        source["retired"] = True


@pytest.mark.parametrize("leave_out", [no_flows, retired_source])
@pytest.mark.parametrize("widen", [off_hours, exact_timing, another_app, fewer_blocked])
def test_nor_by_leaving_them_out_and_bringing_them_back(company, ada, leave_out, widen):
    company.go_live()
    for purpose in ("assistant-training", "writing-help", "browser-tools"):
        actions.give(subject_id=ada.pk, purpose_key=purpose, path="tests")
    document = company.document()
    leave_out(document)
    company.go_live(document)
    document = company.document()
    widen(document)
    company.apply(document)
    with pytest.raises(CommandError, match="a purpose of its own"):
        company.approve(company.legal)


def test_a_yes_is_not_put_on_another_basis_where_it_could_not_be_taken_back(company, ada):
    company.go_live()
    actions.give(subject_id=ada.pk, purpose_key="writing-help", path="tests")
    document = company.document()
    part = next(each for each in document["purposes"] if each["key"] == "writing-help")
    part.update(basis="contract", refusal_consequence="")
    company.apply(document)
    with pytest.raises(CommandError, match="on the basis of consent"):
        company.approve(company.legal)


def test_they_may_be_while_nobody_has_said_yes(company):
    company.go_live()
    document = company.document()
    another_app(document)
    company.go_live(document)
    assert Flow.objects.get(category="keystroke_content").content_apps == ["Writer", "Calc", "Mail"]


def test_narrowing_needs_nobody(company, ada):
    company.go_live()
    actions.give(subject_id=ada.pk, purpose_key="writing-help", path="tests")
    document = company.document()
    document["sources"][0]["flows"][5]["content_apps"].pop()
    document["sources"][0]["blocked_apps"].append("Bank")
    company.go_live(document)
    assert Flow.objects.get(category="keystroke_content").content_apps == ["Writer"]


# A yes counts once it is journalled, after the commit.
@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_a_new_category_waits_for_each_persons_answer(company, ada):
    company.go_live()
    actions.give(subject_id=ada.pk, purpose_key="browser-tools", path="tests")
    document = company.document()
    document["purposes"][2]["retention"].append({"category": "pointer_clicks", "days": 9, "why": "x"})
    document["sources"][1]["flows"].append({"category": "pointer_clicks", "purpose": "browser-tools", "why": "x"})
    company.go_live(document)
    state = actions.gate.read(ada.pk)
    assert "pointer_clicks" not in state.grants["browser-tools"].covers["browser"]
