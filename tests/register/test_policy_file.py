"""The policy is a file: exported, compared and applied, it says the same each time."""

from __future__ import annotations

import datetime
import json
from io import StringIO

import pytest
import yaml
from django.conf import settings
from django.core.management import CommandError, call_command

from consent import actions
from consent.models import Decision, NoticeVersion, Purpose
from portal.audit.models import Act
from portal.people.models import Employee
from portal.register.document import Policy, load
from portal.register.models import Flow, PolicyDraft, Source, WorksAgreement
from tests.makers import make_employee

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
DEMO = settings.BASE_DIR / "portal" / "demo" / "policy.yaml"


def run(*arguments):
    said = StringIO()
    call_command("policy", *arguments, stdout=said)
    return said.getvalue()


def diff(company, document):
    file = company.folder / "wanted.yaml"
    file.write_text(document if isinstance(document, str) else yaml.safe_dump(document), encoding="utf-8")
    return run("diff", str(file))


def every_field(document):
    """Fill in what the example leaves at its default, in letters of many alphabets."""
    document["controller"] |= {"representative": "Żółw & Søn – 代表", "agreement_required": ["DE", "FR"]}
    document["recipients"][0] |= {"country": "US", "safeguard": "Standard contractual clauses: “module 2”"}
    document["processors"][0] |= {"country": "IN", "safeguard": "#1: SCC\nwith annex"}
    document["purposes"][3] |= {
        "obligatory": "ja: nein",
        "automated_decisions": "None. 'Ever'.",
        "people": "Menschen 🐈",
    }
    document["purposes"][3] |= {"jurisdictions": ["DE", "US-NY"], "expires": {"each": "calendar_year"}}
    document["sources"][0]["flows"][3]["exact_timing"] = True
    return document


def as_sets(policy: Policy):
    """What a file says, whatever the order in it."""
    raw = policy.model_dump(mode="json")
    for name in ("recipients", "processors", "purposes", "sources", "stores"):
        raw[name] = {each["key"]: each for each in raw[name]}
    for purpose in raw["purposes"].values():
        purpose["retention"] = {each["category"]: each for each in purpose["retention"]}
    for source in raw["sources"].values():
        source["flows"] = {(each["category"], each["purpose"]): each for each in source["flows"]}
        source["works_agreements"] = source["works_agreements"] or None
    return raw


@pytest.mark.parametrize("which", ["example", "demo", "every field"])
def test_what_is_exported_is_what_was_applied_and_nothing_new(company, capsys, which):
    document = DEMO.read_text(encoding="utf-8") if which == "demo" else company.document()
    if which == "every field":
        document = every_field(document)
    company.go_live(document)
    exported = run("export")
    applied = document if isinstance(document, str) else yaml.safe_dump(document)
    assert as_sets(load(exported)) == as_sets(load(applied))
    before = PolicyDraft.objects.count(), NoticeVersion.objects.count()
    company.apply(exported)
    assert capsys.readouterr().out.endswith("nothing new\n")
    assert diff(company, exported) == "nothing new\n"
    assert (PolicyDraft.objects.count(), NoticeVersion.objects.count()) == before
    assert run("export") == exported


def test_an_exported_file_begins_the_same_company_elsewhere(company):
    company.go_live(every_field(company.document()))
    exported = run("export")
    WorksAgreement.objects.all().delete()
    Flow.objects.all().delete()
    company.go_live(exported)
    assert run("export") == exported


def test_drafts_and_what_has_ended_are_not_exported(company):
    company.go_live()
    document = company.document()
    document["purposes"][3]["retired"] = True
    document["sources"][0]["flows"].pop()
    document["sources"][1]["retired"] = True
    company.go_live(document)
    newcomer = document["recipients"][0] | {"key": "newcomer"}
    company.apply({"version": 1, "recipients": [newcomer]})
    exported = yaml.safe_load(run("export"))
    assert "fault-finding" not in {each["key"] for each in exported["purposes"]}
    assert {each["key"] for each in exported["sources"]} == {"desktop", "recordings"}
    assert "newcomer" not in {each["key"] for each in exported["recipients"]}


def test_nothing_is_exported_of_a_company_that_has_not_begun(company):
    assert yaml.safe_load(run("export")) == {"version": 1}


def longer(document):
    document["purposes"][1]["retention"][0]["days"] = 60
    document["sources"][0]["flows"].pop()
    return document


def test_diff_says_what_begins_and_ends_and_how_many_are_asked_but_never_who(company, ada):
    company.go_live()
    actions.give(subject_id=ada.pk, purpose_key="writing-help", path="tests")
    before = PolicyDraft.objects.count(), NoticeVersion.objects.count(), Act.objects.count()
    said = diff(company, longer(company.document()))
    assert "purpose writing-help: Better suggestions while writing: a new version of its notice (de, en)" in said
    assert "  begins: Kept longer: typed text, 60 days instead of 30." in said
    assert "  asked again: fewer than 10 people who answered before" in said
    assert "  ends: No longer collected: all that Desktop recorder sent." in said
    assert "  asked again: nobody" in said
    assert str(ada.pk) not in said
    assert ada.name not in said
    assert (PolicyDraft.objects.count(), NoticeVersion.objects.count(), Act.objects.count()) == before
    assert Flow.objects.live_for("desktop").filter(purpose_key="fault-finding").exists()


def test_what_everybody_answered_is_no_number(company):
    company.go_live()
    people = [each.pk for each in Employee.objects.all()]
    people += [make_employee(f"Somebody {n}", password="").pk for n in range(10)]
    document = company.document()
    document["purposes"][2]["retired"] = True
    document["sources"][1].update(flows=[], retired=True)
    actions.give_many(subject_ids=people[:12], purpose_key="browser-tools", path="tests")
    assert "ends for most people, who said yes or confirmed" in diff(company, document)
    for n in range(10):
        make_employee(f"Silent {n}", password="")
    assert "ends for about 10 people who said yes or confirmed" in diff(company, document)


def test_ten_people_are_a_number(company):
    company.go_live()
    people = [make_employee(f"Somebody {n}", password="").pk for n in range(10)]
    actions.give_many(subject_ids=people[:6], purpose_key="writing-help", path="tests")
    for each in people[6:]:
        actions.refuse(subject_id=each, purpose_key="writing-help", path="tests")
    assert "asked again: about 10 people who answered before" in diff(company, longer(company.document()))


def test_diff_of_other_words_asks_nobody(company, ada):
    company.go_live()
    actions.give(subject_id=ada.pk, purpose_key="writing-help", path="tests")
    document = company.document()
    document["purposes"][1]["notices"]["de"]["summary"] = "Dasselbe, anders gesagt."
    said = diff(company, document).splitlines()
    assert said[1:] == ["  only the words change", "  asked again: nobody"]


def test_diff_of_what_is_in_no_notice_asks_nobody(company):
    company.go_live()
    document = company.document()
    document["sources"][0]["owner"] = "Somebody else"
    assert diff(company, document) == "no notice changes: nobody is asked\n"


def test_diff_of_what_is_new_and_of_what_ends(company):
    company.go_live()
    document = company.document()
    document["purposes"][3]["retired"] = True
    document["sources"][0]["flows"].pop()
    document["sources"][1] |= {"key": "browser-2", "title": "Another extension"}
    document["purposes"].append(document["purposes"][1] | {"key": "new-one", "jurisdictions": ["DE", "FR"]})
    said = diff(company, document)
    assert "new source: Another extension" in said
    assert "purpose ends: fault-finding: Finding faults in our programs" in said
    assert "  ends for fewer than 10 people who said yes or confirmed" in said
    assert "new purpose new-one: Better suggestions while writing (de, en)" in said
    assert "  asked: everybody in DE, FR" in said


def test_diff_before_anything_is_live_says_what_is_missing(company):
    document = company.document()
    del document["sources"][0]["assessment"]
    del document["purposes"][0]["alternative"]
    said = diff(company, document)
    assert "new purpose monitoring-new-york: Notice of electronic monitoring (en)" in said
    assert "  told, and has to confirm: everybody in US-NY" in said
    assert "missing before it can be live:" in said
    assert "  - source desktop: add the impact assessment" in said
    assert "  - purpose assistant-training: name in `alternative`" in said
    assert not Source.objects.exists()
    assert not Purpose.objects.exists()


def test_a_wrong_file_is_no_difference(company):
    document = company.document()
    document["sources"][0]["flows"][0]["purpose"] = "nowhere"
    with pytest.raises(CommandError, match="there is no purpose 'nowhere'"):
        diff(company, document)
    with pytest.raises(CommandError, match=r"wanted\.yaml"):
        diff(company, "- 1")


def test_a_file_that_takes_a_draft_back_is_drafted(company, capsys):
    company.go_live()
    company.apply(longer(company.document()))
    company.apply()
    assert "waits for approval" in capsys.readouterr().out.splitlines()[-1]
    document = load((company.folder / "policy.yaml").read_text(encoding="utf-8")).model_dump(mode="json")
    assert [each.document for each in PolicyDraft.objects.pending()] == [document]


def test_a_draft_of_the_last_release_is_still_known(company, capsys):
    company.apply()
    draft = PolicyDraft.objects.get()
    for each in draft.document["purposes"]:
        for name in ("expires", "jurisdictions", "must_acknowledge"):
            if not each[name]:
                del each[name]
    draft.save()
    company.apply()
    assert capsys.readouterr().out.endswith("nothing new\n")


def test_a_recipient_and_a_processor_can_end(company):
    company.go_live()
    document = company.document()
    document["purposes"][0]["recipients"] = "none"
    document["recipients"][0]["retired"] = True
    document["processors"][0]["retired"] = True
    company.go_live(document)
    assert "Elbe Hosting" not in NoticeVersion.objects.in_force("fault-finding").text
    exported = yaml.safe_load(run("export"))
    assert [each["key"] for each in exported["recipients"]] == ["security-desk"]
    assert "processors" not in exported


def test_a_recipient_that_a_purpose_names_cannot_end(company):
    company.go_live()
    document = company.document()
    document["recipients"][0]["retired"] = True
    company.apply(document)
    with pytest.raises(CommandError, match="research-lab is described nowhere"):
        company.approve(company.legal)


def test_what_was_never_approved_is_in_no_notice(company):
    company.go_live()
    newcomer = company.document()["processors"][0] | {"key": "newcomer", "name": "Newcomer Ltd"}
    company.apply({"version": 1, "processors": [newcomer]})
    company.apply({"version": 1, "processors": [newcomer | {"retired": True}]})
    company.approve(company.legal)
    company.approve(company.council)
    assert not NoticeVersion.objects.filter(text__contains="Newcomer").exists()


def test_the_schema_is_that_of_the_model():
    written = (settings.BASE_DIR / "docs" / "policy.schema.json").read_text(encoding="utf-8")
    assert written == run("schema"), "manage.py policy schema > docs/policy.schema.json"
    assert json.loads(written)["$defs"]["PurposePart"]["properties"]["expires"]


def test_the_example_names_the_schema_and_every_field():
    text = (settings.BASE_DIR / "docs" / "policy.example.yaml").read_text(encoding="utf-8")
    assert text.startswith("# yaml-language-server: $schema=policy.schema.json\n")
    parts = json.loads(run("schema"))["$defs"].values()
    named = {name for part in parts for name in part.get("properties", {})}
    assert {name for name in named if name not in text} == set()


def test_an_old_file_is_taken_as_it_is(company):
    """A file of the release before knows none of the newer fields."""
    document = company.document()
    document["purposes"] = [each for each in document["purposes"] if "must_acknowledge" not in each]
    for part in [*document["purposes"], *document["sources"]]:
        for name in ("expires", "jurisdictions", "must_acknowledge", "works_agreements"):
            part.pop(name, None)
    company.go_live(document)
    assert not Decision.objects.exists()
    assert {each.country for each in WorksAgreement.objects.all()} == {""}
    assert WorksAgreement.objects.get(source="desktop").dated == datetime.date(2026, 9, 22)
