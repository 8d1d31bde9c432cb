"""What the law demands of a policy before it may be live."""

from __future__ import annotations

import pytest
from django.core.management import CommandError
from django.db import IntegrityError

from portal.register.models import Flow, PolicyDraft, Source

pytestmark = pytest.mark.django_db(databases=["default", "keys"])


def without(*path):
    def change(document):
        *way, last = path
        for step in way:
            document = document[step]
        del document[last]

    return change


def with_value(value, *path):
    def change(document):
        *way, last = path
        for step in way:
            document = document[step]
        document[last] = value

    return change


MISSING = [
    (without("sources", 0, "assessment"), "source desktop: add the impact assessment"),
    (with_value("", "sources", 0, "assessment", "workers_views"), "the workers' views"),
    (with_value("2199-01-01", "sources", 0, "assessment", "dated"), "lies in the future"),
    (without("sources", 2, "works_agreement"), "source recordings: name the works agreement"),
    (without("sources", 2, "earlier_recordings"), "earlier recordings are taken in"),
    (with_value([], "sources", 1, "flows"), "source browser: say in `flows`"),
    (without("purposes", 3, "retention"), "how long app_usage is kept"),
    (without("purposes", 1, "recipients"), "purpose writing-help: say who receives"),
    (with_value(["a-stranger"], "purposes", 1, "recipients"), "recipient a-stranger is described nowhere"),
    (without("purposes", 2, "notices"), "purpose browser-tools: write the notice"),
    (without("purposes", 0, "refusal_consequence"), "saying no has none"),
    (without("purposes", 0, "refusal_has_consequence"), "refusal_has_consequence: false"),
    (without("purposes", 0, "alternative"), "name in `alternative`"),
    (without("purposes", 3, "legitimate_interest"), "name the interest"),
    (without("controller"), "controller: say who answers"),
    (with_value("US", "processors", 0, "country"), "hosting is in US"),
    (with_value(True, "purposes", 3, "retired"), "fault-finding, which is no live purpose"),
]


@pytest.mark.parametrize(("change", "said"), MISSING, ids=[said for _, said in MISSING])
def test_it_does_not_go_live_and_says_what_is_missing(company, change, said):
    document = company.document()
    change(document)
    company.apply(document)
    with pytest.raises(CommandError) as refused:
        company.approve(company.legal)
    assert said in str(refused.value)
    assert not Source.objects.live().exists()
    assert not Source.objects.ever_live().exists()


def test_the_agreement_is_asked_for_only_where_it_is_demanded(company):
    document = company.document()
    document["controller"]["agreement_required"] = False
    for source in document["sources"]:
        source.pop("works_agreement"), source.pop("works_agreements", None)
    company.go_live(document)
    assert Source.objects.live().count() == 3


FAULTS = [
    (with_value(True, "purposes", 0, "refusal_has_consequence"), "purposes[0]: consent cannot be the basis"),
    (without("sources", 0, "flows", 5, "content_apps"), "sources[0].flows[5]: keystroke_content needs content_apps"),
    (with_value(["unknown"], "sources", 0, "flows", 5, "content_apps"), "cannot hold 'unknown'"),
    (with_value(["Writer"], "sources", 0, "flows", 0, "content_apps"), "belongs to keystroke_content only"),
    (with_value("mouse", "sources", 0, "flows", 0, "category"), "sources[0].flows[0].category: is no category"),
    (with_value("nowhere", "sources", 0, "flows", 0, "purpose"), "sources[0].flows[0].purpose: there is no purpose"),
    (with_value("whim", "purposes", 0, "basis"), "purposes[0].basis: Input should be"),
    (with_value("yes", "purposes", 0, "colour"), "purposes[0].colour: is not known here"),
    (without("sources", 0, "owner"), "sources[0].owner: is missing"),
    (with_value("browser", "sources", 0, "key"), "sources: the key 'browser' stands twice"),
    (with_value(0, "purposes", 0, "retention", 0, "days"), "purposes[0].retention[0].days"),
    (with_value(2, "version"), "version:"),
]


@pytest.mark.parametrize(("change", "said"), FAULTS, ids=[said for _, said in FAULTS])
def test_a_wrong_file_is_refused_with_the_place(company, change, said):
    document = company.document()
    change(document)
    with pytest.raises(CommandError) as refused:
        company.apply(document)
    assert said in str(refused.value)
    assert not PolicyDraft.objects.exists()


@pytest.mark.parametrize(
    "text", ["", "- 1", "a: [", "version: 1\nversion: 1", "\x00", "!!python/object:os.system {}", "[" * 1000]
)
def test_what_is_no_policy_is_refused(company, text):
    with pytest.raises(CommandError, match="the file"):
        company.apply(text)


def test_norway_is_a_country(company):
    text = "version: 1\nrecipients:\n- {key: a, name: A, receives: x, country: NO}\n"
    company.apply(text)
    assert PolicyDraft.objects.get().document["recipients"][0]["country"] == "NO"


def test_the_database_refuses_typed_text_without_its_apps(company):
    company.apply()
    with pytest.raises(IntegrityError):
        Flow.objects.filter(category="keystroke_content").update(content_apps=[])
