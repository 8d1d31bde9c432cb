"""To be told, to agree, and what the workers' representatives agreed are three records, and never one."""

from __future__ import annotations

import pytest
from django.core.management import CommandError

from consent import actions
from consent.models import NoticeVersion, Purpose
from consent.values import NotAllowed
from portal.people.models import Employee
from portal.register import laws, standing
from portal.register.models import Flow, PolicyDraft, PurposeRecord, Source, WorksAgreement

pytestmark = pytest.mark.django_db(databases=["default", "keys"])
TOLD = "monitoring-new-york"
PRESCRIBED = (
    "any and all telephone conversations or transmissions, electronic mail or transmissions, or internet access or",
    "may be subject to monitoring at any and all times and by any lawful means",
)


def text_of(purpose):
    return NoticeVersion.objects.in_force(purpose).text


def part(document, key=TOLD):
    return next(each for each in document["purposes"] if each["key"] == key)


# --- told


def test_new_york_is_told_in_the_words_of_its_law(company):
    company.go_live()
    text = text_of(TOLD)
    assert all(sentence in text for sentence in PRESCRIBED)
    assert "it is no consent and permits nothing" in text
    assert "Only of people in: US-NY." in text
    assert "Nordlicht Werke GmbH" in text


def test_the_types_of_monitoring_are_those_of_the_active_sources(company):
    company.go_live()
    assert "- **Browser extension** (Browser extension): scrolling; addresses of pages that are opened." in text_of(
        TOLD
    )
    document = company.document()
    document["sources"][1]["flows"] = document["sources"][1]["flows"][:1]
    document["sources"][2]["retired"] = True
    company.go_live(document)
    assert "- **Browser extension** (Browser extension): addresses of pages that are opened." in text_of(TOLD)
    assert "Earlier recordings" not in text_of(TOLD)


def test_what_concerns_only_others_is_not_told(company):
    document = company.document()
    part(document, "browser-tools")["jurisdictions"] = ["DE"]
    company.go_live(document)
    assert "Browser extension" not in text_of(TOLD)


def test_connecticut_is_told_the_types_too(company):
    document = company.document()
    part(document)["jurisdictions"] = ["US-CT"]
    company.go_live(document)
    text = text_of(TOLD)
    assert PRESCRIBED[1] not in text
    assert "## What is monitored, and by what\n\n- **Browser extension**" in text


def test_a_bare_country_has_the_words_of_all_its_parts(company):
    document = company.document()
    part(document)["jurisdictions"] = ["US"]
    part(document)["expires"] = {"each": "calendar_year"}
    company.go_live(document)
    assert PRESCRIBED[0] in text_of(TOLD)


def test_maine_is_told_each_calendar_year(company):
    document = company.document()
    part(document)["jurisdictions"] = ["US-ME"]
    company.apply(document)
    with pytest.raises(CommandError, match=r"Maine LD 61 asks for a notice in each calendar year"):
        company.approve(company.legal)
    part(document)["expires"] = {"each": "calendar_year"}
    company.go_live(document)
    assert "You are told anew in each calendar year." in text_of(TOLD)
    assert NoticeVersion.objects.in_force(TOLD).terms["expires"] == {"each": "calendar_year"}


def test_every_law_is_data():
    known = {law.jurisdiction: law.acknowledge for law in laws.known()}
    assert known == {"US-NY": "once", "US-DE": "once", "US-ME": "yearly", "US-CT": "no"}


def test_a_law_that_nobody_thought_of_is_named_at_the_approval(company, ada, capsys):
    Employee.objects.filter(pk=ada.pk).update(jurisdiction="US-DE")
    company.go_live()
    assert "note: people work in US-DE, where Delaware Code title 19 § 705 asks" in capsys.readouterr().err
    document = company.document()
    part(document)["jurisdictions"] = ["US-NY", "US-DE"]
    company.go_live(document)
    assert not capsys.readouterr().err


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_to_confirm_permits_nothing_and_no_consent_confirms_it(company, ada):
    company.go_live()
    with pytest.raises(NotAllowed, match="purpose.not_on_consent"):
        actions.give(subject_id=ada.pk, purpose_key=TOLD, path="tests")
    actions.acknowledge(subject_id=ada.pk, purpose_key=TOLD, path="tests")
    assert actions.gate.read(ada.pk).grants[TOLD].covers == {}
    assert NoticeVersion.objects.in_force(TOLD).terms["must_acknowledge"] is True


def with_flow(document):
    document["sources"][0]["flows"].append({"category": "scrolling", "purpose": TOLD, "why": "x"})


def on_consent(document):
    part(document)["basis"] = "consent"


def on_interest(document):
    part(document)["basis"] = "legitimate_interest"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (with_flow, r"flows\[7\]\.purpose: 'monitoring-new-york' is a notice to be acknowledged"),
        (on_consent, "a notice that must be acknowledged rests on `legal_obligation`"),
        (on_interest, "a notice that must be acknowledged rests on `legal_obligation`"),
    ],
)
def test_a_notice_to_be_confirmed_cannot_collect(company, change, said):
    document = company.document()
    change(document)
    with pytest.raises(CommandError, match=said):
        company.apply(document)
    assert not PolicyDraft.objects.exists()


def test_nor_in_a_second_file_nor_by_making_one_of_a_purpose_that_collects(company):
    company.go_live()
    document = company.document()
    with_flow(document)
    with pytest.raises(CommandError, match="is a notice to be acknowledged"):
        company.apply({"version": 1, "sources": document["sources"][:1]})
    faults = part(document, "fault-finding")
    faults |= {"basis": "legal_obligation", "law": "x", "must_acknowledge": True}
    company.apply({"version": 1, "purposes": [faults]})
    with pytest.raises(CommandError, match="fault-finding, which only tells people and permits nothing"):
        company.approve(company.legal)


def test_what_people_confirmed_as_something_else_does_not_count_as_that_notice(company):
    document = company.document()
    notice = part(document)
    notice |= {"must_acknowledge": False, "jurisdictions": [], "recipients": "none"}
    company.go_live(document)
    notice["must_acknowledge"] = True
    company.apply(document)
    with pytest.raises(CommandError, match=f"purpose {TOLD}: people answered it as another"):
        company.approve(company.legal)


def test_an_unknown_jurisdiction_is_refused(company):
    document = company.document()
    part(document)["jurisdictions"] = ["New York"]
    with pytest.raises(CommandError, match=r"purposes\[4\]\.jurisdictions\[0\]"):
        company.apply(document)


# --- agreed by the workers' representatives


def only_in(document, *countries):
    """Have the desktop source agreed upon only there."""
    source = document["sources"][0]
    agreement = source.pop("works_agreement")
    source["works_agreements"] = [agreement | {"country": each} for each in countries]
    return document


@pytest.mark.parametrize(
    ("required", "agreed_in", "active"),
    [
        (True, ["DE"], {"DE"}),
        (True, ["DE", "US"], {"DE", "US-NY"}),
        (["DE", "FR"], ["DE"], {"DE", "US-NY", "GB"}),
        (["DE", "FR"], [], {"US-NY", "GB"}),
        (False, [], {"DE", "FR", "US-NY", "GB"}),
    ],
)
def test_a_source_is_active_only_where_the_demanded_agreement_is(company, required, agreed_in, active):
    document = only_in(company.document(), *agreed_in)
    document["controller"]["agreement_required"] = required
    company.go_live(document)
    assert {each for each in ("DE", "FR", "GB", "US-NY") if standing.agreed("desktop", each)} == active


def test_one_agreement_for_all_holds_everywhere(company):
    company.go_live()
    assert all(standing.agreed("desktop", each) for each in ("DE", "FR", "US-NY"))


def test_an_agreement_for_one_source_is_none_for_another(company):
    company.go_live(only_in(company.document(), "DE"))
    assert not standing.agreed("desktop", "FR")
    assert standing.agreed("browser", "FR")


def test_with_no_agreement_at_all_it_does_not_go_live(company):
    company.apply(only_in(company.document()))
    with pytest.raises(CommandError, match="source desktop: name the works agreement"):
        company.approve(company.legal)


@pytest.mark.parametrize(
    ("required", "said"),
    [
        (True, "- It is active only in: DE.\n"),
        (["DE", "FR"], "- It is not active in: FR, as long as there is no works agreement.\n"),
        (["DE"], ""),
        (False, ""),
    ],
)
def test_the_notice_says_where_a_source_is_active(company, required, said):
    document = only_in(company.document(), "DE")
    document["controller"]["agreement_required"] = required
    company.go_live(document)
    text = text_of("writing-help")
    assert said in text
    assert ("active" in text) == bool(said)


def test_an_agreement_ends_where_the_policy_names_others(company):
    company.go_live(only_in(company.document(), "DE", "FR"))
    company.go_live(only_in(company.document(), "FR"))
    assert [each.country for each in WorksAgreement.objects.filter(source="desktop")] == ["FR"]
    assert not standing.agreed("desktop", "DE")


def test_a_source_that_says_nothing_of_agreements_keeps_them(company):
    company.go_live()
    document = company.document()
    del document["sources"][0]["works_agreement"]
    document["sources"][0]["title"] = "Another name"
    company.go_live({"version": 1, "sources": document["sources"][:1]})
    assert standing.agreed("desktop", "DE")


def test_two_agreements_of_one_country_are_refused(company):
    with pytest.raises(CommandError, match="has two works agreements for DE"):
        company.apply(only_in(company.document(), "DE", "DE"))


@pytest.mark.parametrize(
    ("named", "where", "reached"),
    [
        ([], "DE", True),
        (["US"], "US-NY", True),
        (["US-NY"], "US-NY", True),
        (["US-NY"], "US", False),
        (["US-NY"], "US-CA", False),
        (["DE", "FR"], "FR", True),
        (["U"], "US", False),
        (["US-N"], "US-NY", False),
    ],
)
def test_a_country_covers_its_parts(named, where, reached):
    assert standing.concerns(named, where) is reached


# --- agreed by the person: free, or no consent


def test_a_purpose_on_consent_that_has_a_consequence_is_refused_in_the_file_and_by_the_action(company):
    document = company.document()
    document["purposes"][0]["refusal_has_consequence"] = True
    with pytest.raises(CommandError, match="consent cannot be the basis where a refusal has a consequence"):
        company.apply(document)
    with pytest.raises(NotAllowed, match="purpose.not_free"):
        actions.define_purpose(key="x", title="X", basis="consent", refusal_has_consequence=True)


@pytest.mark.parametrize("name", ["refusal_consequence", "alternative"])
def test_a_live_purpose_on_consent_cannot_lose_what_makes_it_free(company, name):
    company.go_live()
    document = company.document()
    document["purposes"][0][name] = ""
    company.apply(document)
    with pytest.raises(CommandError, match=f"`{name}`"):
        company.approve(company.legal)
    purpose = Purpose.objects.get(pk="assistant-training")
    assert purpose.state == "live"
    assert getattr(purpose, name)


# --- retired


@pytest.mark.django_db(transaction=True, databases=["default", "keys"])
def test_a_purpose_that_ends_takes_its_permissions_at_the_commit_and_comes_back_asked_anew(company, ada):
    company.go_live()
    actions.give(subject_id=ada.pk, purpose_key="browser-tools", path="tests")
    ended = part(company.document(), "browser-tools") | {"retired": True}
    source = company.document()["sources"][1] | {"retired": True}
    company.apply({"version": 1, "purposes": [ended], "sources": [source | {"flows": []}]})
    company.approve(company.legal)
    assert "browser-tools" in actions.gate.read(ada.pk).grants
    company.approve(company.council)
    assert "browser-tools" not in actions.gate.read(ada.pk).grants
    assert Purpose.objects.get(pk="browser-tools").retired_at
    company.go_live()
    assert "browser-tools" not in actions.gate.read(ada.pk).grants
    assert actions.give(subject_id=ada.pk, purpose_key="browser-tools", path="tests")


def test_flows_that_nobody_named_end_with_their_purpose(company):
    company.go_live()
    ended = part(company.document(), "fault-finding") | {"retired": True}
    company.go_live({"version": 1, "purposes": [ended]})
    assert not Flow.objects.live().filter(purpose_key="fault-finding").exists()
    assert Flow.objects.live().filter(purpose_key="assistant-training").exists()
    assert Source.objects.live().count() == 3


def test_what_is_said_of_a_purpose_stays_when_it_ends(company):
    company.go_live()
    ended = part(company.document(), "fault-finding") | {"retired": True, "title": "Something else"}
    company.go_live({"version": 1, "purposes": [ended]})
    assert Purpose.objects.get(pk="fault-finding").title == "Finding faults in our programs"
    assert PurposeRecord.objects.get(purpose_key="fault-finding").legitimate_interest


def test_a_language_that_people_read_is_not_left_behind(company):
    company.go_live()
    document = company.document()
    del document["purposes"][1]["notices"]["de"]
    company.apply(document)
    with pytest.raises(CommandError, match="go on with the notice in de"):
        company.approve(company.legal)
