"""Before a draft is approved it can be seen what it begins, ends and asks; looking changes nothing."""

from __future__ import annotations

import pytest

from consent import actions
from consent.models import Gate, NoticeVersion, Purpose
from portal.audit.models import Act
from portal.register import preview
from portal.register.models import Flow, PolicyDraft, Source

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])


def everything():
    models = (Act, NoticeVersion, PolicyDraft)
    states = [list(model.objects.order_by("pk").values_list("pk", "state")) for model in (Purpose, Source, Flow)]
    return [model.objects.count() for model in models], states, list(Gate.objects.values_list("pk", "version"))


def test_there_is_nothing_to_see_without_a_draft(company):
    company.go_live()
    assert preview.preview() == []


def test_every_pending_draft_is_seen_and_nothing_changes_by_looking(company, ada):
    company.go_live()
    actions.give(subject_id=ada.pk, purpose_key="browser-tools", path="tests")
    document = company.document()
    document["purposes"][1]["retention"][0]["days"] = 60
    company.apply({"version": 1, "purposes": document["purposes"][1:2]})
    ended = document["purposes"][2] | {"retired": True}
    source = document["sources"][1] | {"flows": [], "retired": True}
    company.apply({"version": 1, "purposes": [ended], "sources": [source]})
    before = everything()
    found = {each.key: each for each in preview.preview()}
    assert everything() == before
    assert found.keys() == {"writing-help", "browser-tools", "monitoring-new-york"}
    longer, ends, told = found["writing-help"], found["browser-tools"], found["monitoring-new-york"]
    assert (longer.begins, longer.ends, longer.new, longer.retired) == (
        ("Kept longer: typed text, 60 days instead of 30.",),
        (),
        False,
        False,
    )
    assert (ends.retired, ends.begins, ends.asked) == (
        True,
        (),
        "ends for fewer than 10 people who said yes or confirmed",
    )
    assert "No longer collected: all that Browser extension sent." in ends.ends
    assert (told.only_tells, told.asks, told.asked) == (True, False, "nobody")


def test_the_texts_stand_beside_each_other_as_they_would_be_published(company):
    company.go_live()
    document = company.document()
    document["purposes"][1]["notices"]["de"]["summary"] = "Anders gesagt."
    document["purposes"][1]["notices"]["fr"] = {"title": "Nouveau", "summary": "En français."}
    company.apply(document)
    [found] = preview.preview()
    assert found.languages == ["de", "en", "fr"]
    texts = {each.language: each for each in found.texts}
    assert texts["de"].old != texts["de"].new
    assert texts["en"].old == texts["en"].new
    assert texts["fr"].old == ""
    company.approve(company.legal)
    company.approve(company.council)
    for language, text in texts.items():
        newest = NoticeVersion.objects.filter(notice__purpose="writing-help", notice__language=language).latest(
            "version"
        )
        assert newest.text == text.new


def test_an_incomplete_draft_can_be_seen_as_well(company):
    document = company.document()
    del document["purposes"][0]["alternative"]
    del document["controller"]
    company.apply(document)
    found = {each.key: each for each in preview.preview()}
    assert found["assistant-training"].new
    assert found["assistant-training"].asked == "everybody"
    assert found["monitoring-new-york"].asked == "everybody in US-NY"
