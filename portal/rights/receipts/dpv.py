"""A decision as a receipt after ISO/IEC TS 27560, in the words of the Data Privacy Vocabulary (JSON-LD). Pure.

Only what rests on consent is a consent record. Of anything else the vocabulary has a record of processing with a
notice, whether the person was informed of it, and the exercise of a right; that is what those answers are written as.
"""

from __future__ import annotations

from consent.values import DecisionKind
from portal.rights.receipts.dpv_parts import OBJECT, OBJECTED, Answer, Node, bases, entities, process, right

SCHEMA = "https://w3id.org/dpv/schema/dpv-27560#"
PREFIXES = {
    "dpv": "https://w3id.org/dpv#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "loc": "https://w3id.org/dpv/loc#",
    "dct": "http://purl.org/dc/terms/",
    "schema": "https://schema.org/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
# Values of these are names of things, not texts.
NAMES = (
    "dct:conformsTo dct:publisher dct:replaces dpv:hasLegalBasis dpv:hasJurisdiction dpv:hasNecessity"
    " dpv:hasProcessing dpv:isExercisedAt dpv:hasLocation dpv:hasInformedStatus dpv:hasStatus schema:recipient"
)
TIMES = "dct:created dpv:isIndicatedAtTime"
CONTEXT: Node = {
    **PREFIXES,
    **{name: {"@type": "@id"} for name in NAMES.split()},
    **{name: {"@type": "xsd:dateTime"} for name in TIMES.split()},
    "dct:date": {"@type": "xsd:date"},
}
STATUS = {
    DecisionKind.GIVEN: "dpv:ConsentGiven",
    DecisionKind.REFUSED: "dpv:ConsentRefused",
    DecisionKind.WITHDRAWN: "dpv:ConsentWithdrawn",
}
UNTIL_DECIDED = "until the person decides otherwise"


def receipt(answer: Answer) -> Node:
    """Return the receipt: its own facts around the record of the answer."""
    name = answer.address(answer.index)
    kind = "dpv:ConsentReceipt" if answer.on_consent else "dpv:DataProcessingRecord"
    replaced = {"dct:replaces": answer.address(answer.replaces)} if answer.replaces is not None else {}
    return {
        "@context": CONTEXT,
        "@id": name,
        "@type": [kind],
        **_conformance(answer, "receipt"),
        **_identified(name),
        "dct:created": answer.created,
        "dct:publisher": answer.controller,
        "schema:recipient": answer.person,
        **replaced,
        "dct:source": [_proof(answer)],
        "dpv:hasRecordOfActivity": [_record(answer)],
    }


def _conformance(answer: Answer, part: str) -> Node:
    """Claim the schema for consent alone; the profile of the GDPR where it applies."""
    profile = f"{SCHEMA}{part}-eu-gdpr" if answer.under_gdpr else f"{SCHEMA}{part}"
    return {"dct:conformsTo": profile} if answer.on_consent else {}


def _identified(name: str) -> Node:
    return {"dct:identifier": [name], "dpv:hasIdentifier": [name]}


def _proof(answer: Answer) -> Node:
    """Name the entry of the log, and carry its proof once there is one."""
    entry = {"dct:identifier": [f"{answer.origin}#{answer.index}"], "dct:format": "c2sp.org/tlog-proof@v1"}
    return entry | ({"rdf:value": answer.proof} if answer.proof else {"dct:description": "pending"})


def _record(answer: Answer) -> Node:
    name = f"{answer.address(answer.index)}#record"
    event = {"dpv:hasConsentStatus": [_event(answer)]} if answer.on_consent else _informed(answer)
    return {
        "@id": name,
        "@type": ["dpv:ConsentRecord" if answer.on_consent else "dpv:DataProcessingRecord"],
        **_conformance(answer, "record"),
        **_identified(name),
        "dpv:hasDataSubject": {"@id": answer.person, "@type": ["dpv:DataSubject"]},
        "dpv:hasNotice": [_notice(answer)],
        "dct:language": [answer.language],
        "dpv:hasLegalBasis": bases(answer),
        "dpv:hasProcess": [process(answer)],
        "dpv:hasEntity": entities(answer),
        **event,
    }


def _notice(answer: Answer) -> Node:
    days = answer.terms.get("expires", {}).get("after_days")
    return {
        "@id": answer.text,
        "@type": ["dpv:ConsentNotice" if answer.on_consent else "dpv:PrivacyNotice"],
        "dct:identifier": [f"sha256:{answer.sha256}"],
        "dct:date": answer.published,
        "dct:coverage": f"{answer.published}/P{days}D" if days else f"{answer.published}/..",
        "dct:language": [answer.language],
    }


# --- what happened


def _event(answer: Answer) -> Node:
    status = STATUS[DecisionKind(answer.kind)]
    if answer.renewed and answer.kind == DecisionKind.GIVEN:
        status = "dpv:RenewedConsentGiven"
    return {"@type": [status], "dpv:hasLegalBasis": bases(answer), **_act(answer)}


def _act(answer: Answer) -> Node:
    kind, value = ("UntilTimeDuration", answer.until) if answer.until else ("UntilEventDuration", UNTIL_DECIDED)
    return {
        "dpv:isIndicatedAtTime": [answer.at],
        "dpv:hasDuration": [{"@type": [f"dpv:{kind}"], "rdf:value": value}],
        "dpv:isIndicatedBy": [{"@id": answer.person, "@type": ["dpv:DataSubject"]}],
        "dpv:hasIndicationMethod": [f"a button ({answer.path})"],
    }


def _informed(answer: Answer) -> Node:
    """Say that the person was told; of an objection, that and the right that was exercised."""
    found: Node = {"dpv:hasInformedStatus": ["dpv:DataSubjectInformed"], **_act(answer)}
    if answer.kind == DecisionKind.OBJECTED:
        exercised = {"@type": ["dpv:RightExerciseRecord"], "dpv:hasRight": [right(answer, OBJECT)], **_act(answer)}
        status = [OBJECTED[answer.basis]] if answer.basis in OBJECTED else []
        found |= {"dpv:hasStatus": status, "dpv:hasRecordOfActivity": [exercised]}
    return found
