"""A receipt as JSON-LD has every field that ISO/IEC TS 27560, as DPV writes it, demands, as often as it demands it."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from django.test import Client

from consent import actions
from consent.models import Decision
from consent.values import DecisionKind
from portal.rights.receipts import dpv
from portal.rights.receipts.dpv_parts import Answer
from tests.makers import make_employee, make_notice, make_purpose
from tests.register.conftest import Company

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "keys"])
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
ONE, SOME, ANY = (1, 1), (1, None), (0, None)

# The tables of the guide: field, how often at least and at most.
RECEIPT = {
    "dct:conformsTo": ONE,
    "dct:identifier": SOME,
    "dpv:hasIdentifier": SOME,
    "dct:created": ONE,
    "dpv:hasRecordOfActivity": SOME,
}
RECORD = {
    "dct:conformsTo": ONE,
    "dct:identifier": SOME,
    "dpv:hasIdentifier": SOME,
    "dpv:hasDataSubject": ONE,
    "dpv:hasNotice": SOME,
    "dct:language": SOME,
    "dpv:hasProcess": SOME,
    "dpv:hasEntity": SOME,
    "dpv:hasConsentStatus": SOME,
}
NOTICE = {"@type": SOME, "dct:date": ONE, "dct:coverage": ONE, "dct:language": SOME}
PROCESS = {
    "dpv:hasPurpose": SOME,
    "dpv:hasPersonalData": SOME,
    "dpv:hasProcessing": ANY,
    "dpv:hasDataSource": ANY,
    "dpv:hasStorageCondition": SOME,
    "dpv:hasProcessingCondition": ANY,
    "dpv:hasRule": ANY,
    "dpv:hasDataController": SOME,
    "dpv:hasLegalBasis": SOME,  # 0..*, but the profile of the GDPR demands it
    "dpv:hasRecipient": SOME,
    "dpv:hasConsentControl": SOME,
    "dpv:hasJurisdiction": SOME,
    "dpv:hasRight": SOME,
    "dpv:hasService": ANY,
    "dpv:hasAssessment": ANY,
}
DATA = {"@type": SOME, "dct:identifier": ANY, "dpv:hasNecessity": ANY}
ENTITY = {"dpv:hasName": SOME, "dpv:hasIdentifier": SOME, "@type": SOME}
# Waived for the data subject.
REACHED = {"schema:contactPoint": SOME, "schema:address": SOME}
EVENT = {
    "@type": SOME,
    "dpv:hasLegalBasis": SOME,
    "dpv:isIndicatedAtTime": SOME,
    "dpv:hasDuration": SOME,
    "dpv:isIndicatedBy": SOME,
    "dpv:hasIndicationMethod": ANY,
}
# Names of the vocabulary (DPV 2.1) that may be used; ConsentRevoked and ConsentTerminated are not among them.
NAMES = """
    ConsentReceipt ConsentRecord DataProcessingRecord RightExerciseRecord ConsentNotice PrivacyNotice ConsentGiven
    RenewedConsentGiven ConsentRefused ConsentWithdrawn ExpressedConsent Contract LegalObligation VitalInterest
    PublicInterest LegitimateInterestOfController LegitimateInterestObjected PublicInterestObjected DataSubjectInformed
    LegalBasis Process Purpose PersonalData Optional Required Observe Store Use DataSubjectDataSource StorageLocation
    StorageDuration StorageDeletion TemporalDuration UntilTimeDuration UntilEventDuration Location DPIA
    WithdrawConsent ProvideConsent DataSubjectRight DataController DataSubject DataProcessor DataProtectionOfficer
    DataProtectionAuthority Representative Recipient hasIdentifier hasRecordOfActivity hasDataSubject hasNotice
    hasLegalBasis hasProcess hasEntity hasConsentStatus isIndicatedAtTime hasDuration isIndicatedBy hasIndicationMethod
    hasInformedStatus hasStatus hasRight hasPurpose hasPersonalData hasProcessing hasDataSource hasStorageCondition
    hasDataController hasDataProcessor hasRecipient hasConsentControl hasJurisdiction hasAssessment hasNecessity
    hasLocation isExercisedAt hasName
"""
DPV = set(NAMES.split())
FULL = {
    "purpose": {"key": "train", "title": "Train an assistant", "description": "It learns."},
    "basis": "consent",
    "sources": {
        "agent": {"title": "Agent", "kind": "agent", "categories": {"scrolling": {"why": "To learn."}, "app_usage": {}}}
    },
    "recipients": [{"key": "team", "name": "Team", "country": "US", "receives": "actions", "safeguard": "clauses"}],
    "processors": [{"key": "host", "name": "Host", "country": "DE", "service": "servers", "safeguard": ""}],
    "retention": {"scrolling": 60, "app_usage": 30},
    "controller": {
        "name": "Aldermere",
        "address": "Lichtwiese 4",
        "contact": "privacy@example.org",
        "representative": "Ltd",
        "dpo_name": "Lea",
        "dpo_contact": "dpo@example.org",
        "authority": "HBDI",
    },
    "assessments": [{"source": "agent", "title": "DPIA", "dated": "2026-01-05", "by": "Lea"}],
    "expires": {"after_days": 365},
}
ANSWER = Answer(
    site="https://daylight.example",
    origin="daylight.example",
    index=7,
    kind="given",
    at="2026-11-22T01:00:00.000Z",
    path="page:choices",
    subject_id="6f9619ff-8b86-4011-b42d-00c04fc964ff",
    jurisdiction="DE",
    purpose="train",
    version=3,
    sha256="ab" * 32,
    text="https://daylight.example/choices/train/notices/3/",
    language="en",
    published="2026-11-01",
    terms=FULL,
    created="2026-11-22T01:00:01.000Z",
)


def many(node, name):
    value = node.get(name, [])
    return value if isinstance(value, list) else [value]


def misses(node, table, where):
    for name, (least, most) in table.items():
        values = many(node, name)
        if len(values) < least or (most is not None and len(values) > most) or "" in values or None in values:
            yield f"{where} {name}: {len(values)}"


def walk(node):
    """Yield whatever a table of the guide demands and this receipt has not."""
    yield from misses(node, RECEIPT, "receipt")
    for record in many(node, "dpv:hasRecordOfActivity"):
        yield from misses(record, RECORD, "record")
        for notice in many(record, "dpv:hasNotice"):
            yield from misses(notice, NOTICE, "notice")
        for process in many(record, "dpv:hasProcess"):
            yield from walk_process(process)
        entities = many(record, "dpv:hasEntity")
        for entity in entities:
            is_subject = "dpv:DataSubject" in entity["@type"]
            yield from misses(entity, ENTITY | ({} if is_subject else REACHED), f"entity {entity['@id']}")
        yield from unknown(record, {each["@id"] for each in entities})
        for event in many(record, "dpv:hasConsentStatus"):
            yield from misses(event, EVENT, "event")


def walk_process(process):
    yield from misses(process, PROCESS, "process")
    for data in many(process, "dpv:hasPersonalData"):
        yield from misses(data, DATA, "data")
    kinds = {kind for each in many(process, "dpv:hasStorageCondition") for kind in each["@type"]}
    for kind in {"dpv:StorageLocation", "dpv:StorageDuration", "dpv:StorageDeletion"} - kinds:
        yield f"no {kind}"
    for each in (*many(process, "dpv:hasConsentControl"), *many(process, "dpv:hasRight")):
        if not many(each, "dpv:isExercisedAt"):
            yield f"{each['@type']} is exercised nowhere"


def unknown(record, known):
    """Yield references to parties that the record does not describe."""
    for process in many(record, "dpv:hasProcess"):
        for name in ("dpv:hasDataController", "dpv:hasDataProcessor", "dpv:hasRecipient"):
            yield from (each["@id"] for each in many(process, name) if each["@id"] not in known)
    if record["dpv:hasDataSubject"]["@id"] not in known:
        yield "the data subject is not described"


def states(node):
    return [kind for record in many(node, "dpv:hasRecordOfActivity") for event in many(record, "dpv:hasConsentStatus")
            for kind in event["@type"]]  # fmt: skip


def words(node):
    """Every name of the vocabulary in it."""
    return set(re.findall(r'"dpv:([A-Za-z]+)"', json.dumps(node)))


@pytest.mark.parametrize("kind", ["given", "refused", "withdrawn"])
@pytest.mark.parametrize("terms", [FULL, {"basis": "consent"}, {}], ids=["full", "bare", "none"])
@pytest.mark.parametrize("jurisdiction", ["DE", "GB", "US-NY"])
def test_every_field_of_a_consent_is_there_as_often_as_demanded(kind, terms, jurisdiction):
    made = dpv.receipt(replace(ANSWER, kind=kind, terms=terms, jurisdiction=jurisdiction))
    assert list(walk(made)) == []
    assert made["@type"] == ["dpv:ConsentReceipt"]
    profile = "-eu-gdpr" if jurisdiction == "DE" else ""
    assert made["dct:conformsTo"] == f"https://w3id.org/dpv/schema/dpv-27560#receipt{profile}"
    [record] = made["dpv:hasRecordOfActivity"]
    assert record["dct:conformsTo"] == f"https://w3id.org/dpv/schema/dpv-27560#record{profile}"
    assert ("eu-gdpr:A6-1-a" in record["dpv:hasLegalBasis"]) is (jurisdiction == "DE")


@pytest.mark.parametrize(
    ("kind", "renewed", "state"),
    [
        ("given", False, "ConsentGiven"),
        ("given", True, "RenewedConsentGiven"),
        ("refused", True, "ConsentRefused"),
        ("withdrawn", True, "ConsentWithdrawn"),
    ],
)
def test_the_state_is_what_the_person_did(kind, renewed, state):
    made = dpv.receipt(replace(ANSWER, kind=kind, renewed=renewed))
    assert states(made) == [f"dpv:{state}"]
    assert "Revoked" not in json.dumps(made)


def test_a_yes_that_lapses_says_when_and_others_until_something_else_is_decided():
    lapsing = dpv.receipt(replace(ANSWER, until="2027-11-22T01:00:00.000Z"))
    [event] = lapsing["dpv:hasRecordOfActivity"][0]["dpv:hasConsentStatus"]
    assert event["dpv:hasDuration"] == [{"@type": ["dpv:UntilTimeDuration"], "rdf:value": "2027-11-22T01:00:00.000Z"}]
    [event] = dpv.receipt(ANSWER)["dpv:hasRecordOfActivity"][0]["dpv:hasConsentStatus"]
    assert event["dpv:hasDuration"][0]["@type"] == ["dpv:UntilEventDuration"]


@pytest.mark.parametrize("basis", ["legitimate_interest", "legal_obligation", "contract", "public_task", "consent", ""])
@pytest.mark.parametrize("kind", ["acknowledged", "objected"])
def test_what_does_not_rest_on_consent_is_never_called_consent(basis, kind):
    made = dpv.receipt(replace(ANSWER, kind=kind, terms=FULL | {"basis": basis}))
    assert not [each for each in words(made) if "Consent" in each]
    assert "conformsTo" not in json.dumps({name: made[name] for name in made if name != "@context"})
    [record] = made["dpv:hasRecordOfActivity"]
    assert record["dpv:hasInformedStatus"] == ["dpv:DataSubjectInformed"]
    assert record["dpv:hasNotice"][0]["@type"] == ["dpv:PrivacyNotice"]
    exercised = record.get("dpv:hasRecordOfActivity", [])
    assert [each["@type"] for each in exercised] == ([["dpv:RightExerciseRecord"]] if kind == "objected" else [])


def test_no_word_is_used_that_the_vocabulary_has_not():
    for kind in DecisionKind.values:
        for basis in ("consent", "legitimate_interest", "legal_obligation", "contract", "public_task", ""):
            made = dpv.receipt(replace(ANSWER, kind=kind, terms=FULL | {"basis": basis}))
            assert words(made) <= DPV


def test_it_names_the_entry_of_the_log_and_carries_its_proof():
    pending, full = dpv.receipt(ANSWER), dpv.receipt(replace(ANSWER, proof="c2sp.org/tlog-proof@v1\n"))
    assert pending["dct:source"][0]["dct:identifier"] == ["daylight.example#7"]
    assert "rdf:value" not in pending["dct:source"][0]
    assert full["dct:source"][0]["rdf:value"] == "c2sp.org/tlog-proof@v1\n"


def test_the_authority_is_not_reached_through_the_company_that_it_watches():
    entities = dpv.receipt(ANSWER)["dpv:hasRecordOfActivity"][0]["dpv:hasEntity"]
    [authority] = [each for each in entities if each["@type"] == ["dpv:DataProtectionAuthority"]]
    assert authority["schema:contactPoint"][0]["schema:description"] == "HBDI"
    assert "privacy@example.org" not in json.dumps(authority)


# --- from what was really decided


def linked(employee, index):
    client = Client()
    client.force_login(employee, BACKEND)
    answer = client.get(f"/receipts/{index}.jsonld")
    assert answer["Content-Type"] == "application/ld+json"
    return json.loads(answer.content)


def test_it_is_written_from_the_terms_of_the_very_version_decided_on(tmp_path, ada):
    company = Company(tmp_path)
    company.go_live()
    purpose = next(each for each in company.document()["purposes"] if each["basis"] == "consent")
    first = actions.give(subject_id=ada.pk, purpose_key=purpose["key"], path="tests").index
    later = company.document()
    for each in later["purposes"]:
        if each["key"] == purpose["key"]:
            each["title"] = "Another title"
    company.go_live(later)
    second = actions.withdraw(subject_id=ada.pk, purpose_key=purpose["key"], path="tests").index
    given, withdrawn = linked(ada, first), linked(ada, second)
    for made, state in ((given, "dpv:ConsentGiven"), (withdrawn, "dpv:ConsentWithdrawn")):
        assert list(walk(made)) == []
        assert states(made) == [state]
    assert title(given) == purpose["title"]
    assert title(withdrawn) == "Another title"
    assert withdrawn["dct:replaces"] == given["@id"]
    controller = given["dpv:hasRecordOfActivity"][0]["dpv:hasEntity"][0]
    assert controller["dpv:hasName"] == [company.document()["controller"]["name"]]


def title(made):
    return made["dpv:hasRecordOfActivity"][0]["dpv:hasProcess"][0]["dpv:hasPurpose"][0]["dct:title"]


def test_a_version_published_without_terms_still_has_every_field(ada):
    make_purpose()
    index = actions.give(subject_id=ada.pk, purpose_key="train", path="tests").index
    assert list(walk(linked(ada, index))) == []


def test_a_yes_to_a_later_text_renews_the_one_before(ada):
    make_purpose()
    first = actions.give(subject_id=ada.pk, purpose_key="train", path="tests").index
    make_notice(text="Another text.")
    other = make_employee("Ben")
    actions.give(subject_id=other.pk, purpose_key="train", path="tests")
    second = actions.give(subject_id=ada.pk, purpose_key="train", path="tests").index
    assert states(linked(ada, first)) == ["dpv:ConsentGiven"]
    assert states(linked(ada, second)) == ["dpv:RenewedConsentGiven"]
    assert linked(ada, second)["dct:replaces"].endswith(f"/receipts/{first}/")
    assert Decision.objects.count() == 3


def test_the_language_and_hash_are_those_of_the_text_that_was_read(ada):
    make_purpose()
    german = make_notice(text="Was wir tun.", language="de")
    index = actions.give(subject_id=ada.pk, purpose_key="train", path="tests", language="de").index
    [record] = linked(ada, index)["dpv:hasRecordOfActivity"]
    assert record["dct:language"] == ["de"]
    assert record["dpv:hasNotice"][0]["dct:identifier"] == [f"sha256:{german.sha256}"]
