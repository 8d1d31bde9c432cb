"""The parts of a receipt in JSON-LD: the processing that an answer is about, and who takes part in it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from consent.values import Basis, DecisionKind
from portal.register.countries import EEA

Node = dict[str, Any]
# The vocabulary's own word for a basis, and the GDPR's.
BASES: dict[str, tuple[str, str]] = {
    Basis.CONSENT: ("dpv:ExpressedConsent", "eu-gdpr:A6-1-a"),
    Basis.CONTRACT: ("dpv:Contract", "eu-gdpr:A6-1-b"),
    Basis.LEGAL_OBLIGATION: ("dpv:LegalObligation", "eu-gdpr:A6-1-c"),
    Basis.VITAL_INTERESTS: ("dpv:VitalInterest", "eu-gdpr:A6-1-d"),
    Basis.PUBLIC_TASK: ("dpv:PublicInterest", "eu-gdpr:A6-1-e"),
    Basis.LEGITIMATE_INTEREST: ("dpv:LegitimateInterestOfController", "eu-gdpr:A6-1-f"),
}
ON_CONSENT = (DecisionKind.GIVEN, DecisionKind.REFUSED, DecisionKind.WITHDRAWN)
OBJECTED: dict[str, str] = {
    Basis.LEGITIMATE_INTEREST: "dpv:LegitimateInterestObjected",
    Basis.PUBLIC_TASK: "dpv:PublicInterestObjected",
}
RIGHTS = {
    "eu-gdpr:A15": "To see one's data and get a copy",
    "eu-gdpr:A16": "To have it corrected",
    "eu-gdpr:A17": "To have it erased",
    "eu-gdpr:A18": "To have its use restricted",
    "eu-gdpr:A77": "To complain to an authority",
}
WITHDRAW, TAKE_AWAY, OBJECT = "eu-gdpr:A7-3", "eu-gdpr:A20", "eu-gdpr:A21"
CHOICES, REQUESTS = "/choices/", "/requests/"
NOT_STATED = "not stated in the notice"


@dataclass(frozen=True)
class Answer:
    """All that a receipt is written from: what was decided, on which text, and where the log has it.

    `text` is the address of the version decided on, `terms` are its terms. Empty are `until` where the answer ends by
    none, `replaces` where nothing was answered before, `proof` while it is pending.
    """

    site: str
    origin: str
    index: int
    kind: str
    at: str
    path: str
    subject_id: str
    jurisdiction: str
    purpose: str
    version: int
    sha256: str
    text: str
    language: str
    published: str
    terms: Mapping[str, Any]
    created: str
    renewed: bool = False
    until: str = ""
    replaces: int | None = None
    proof: str = ""

    @property
    def basis(self) -> str:
        """A purpose may have changed its basis since: what consents, and what does not, goes by the answer itself."""
        said = str(self.terms.get("basis", ""))
        if self.kind in ON_CONSENT:
            return Basis.CONSENT
        return "" if said == Basis.CONSENT else said

    @property
    def on_consent(self) -> bool:
        return self.basis == Basis.CONSENT

    @property
    def under_gdpr(self) -> bool:
        return self.jurisdiction.partition("-")[0] in EEA

    @property
    def person(self) -> str:
        return f"urn:uuid:{self.subject_id}"

    @property
    def controller(self) -> str:
        return f"{self.site}/#controller"

    def address(self, index: int) -> str:
        return f"{self.site}/receipts/{index}/"


def bases(answer: Answer) -> list[str]:
    general, gdpr = BASES.get(answer.basis, ("dpv:LegalBasis", ""))
    return [general, gdpr] if gdpr and answer.under_gdpr else [general]


def process(answer: Answer) -> Node:
    said = answer.terms
    control = {"dpv:hasConsentControl": _control(answer)} if answer.on_consent else {}
    return {
        "@type": ["dpv:Process"],
        "dpv:hasPurpose": [_purpose(answer)],
        "dpv:hasPersonalData": _data(answer),
        "dpv:hasProcessing": ["dpv:Observe", "dpv:Store", "dpv:Use"],
        "dpv:hasDataSource": [_source(key, each) for key, each in sorted(said.get("sources", {}).items())],
        "dpv:hasStorageCondition": _storage(answer),
        "dpv:hasDataController": [{"@id": answer.controller}],
        "dpv:hasLegalBasis": bases(answer),
        "dpv:hasRecipient": [{"@id": name} for name in [answer.controller, *_receivers(answer)]],
        **_processors(answer),
        **control,
        "dpv:hasJurisdiction": [f"loc:{answer.jurisdiction}"],
        "dpv:hasRight": [right(answer, each) for each in _rights(answer)],
        "dpv:hasAssessment": [
            {"@type": ["dpv:DPIA"], "dct:title": each.get("title", ""), "dct:date": each.get("dated", "")}
            for each in said.get("assessments", [])
        ],
    }


def _processors(answer: Answer) -> Node:
    named = [{"@id": name} for name, (role, _) in _named(answer) if role == "DataProcessor"]
    return {"dpv:hasDataProcessor": named} if named else {}


def _purpose(answer: Answer) -> Node:
    said = answer.terms.get("purpose", {})
    return {
        "@type": ["dpv:Purpose"],
        "dct:identifier": [answer.purpose],
        "dct:title": said.get("title") or answer.purpose,
        **_described(said.get("description")),
    }


def _described(text: str | None) -> Node:
    return {"dct:description": text} if text else {}


def _data(answer: Answer) -> list[Node]:
    """Name each kind of data; a purpose that only tells people of something has none of its own."""
    necessity = "dpv:Optional" if answer.on_consent else "dpv:Required"
    named = {
        category: rule.get("why", "")
        for source in answer.terms.get("sources", {}).values()
        for category, rule in source.get("categories", {}).items()
    }
    return [
        {
            "@type": ["dpv:PersonalData"],
            "dct:identifier": [key],
            "dct:description": why,
            "dpv:hasNecessity": [necessity],
        }
        for key, why in sorted(named.items() or {"none": "none of its own"}.items())
    ]


def _source(key: str, said: Mapping[str, Any]) -> Node:
    return {
        "@type": ["dpv:DataSubjectDataSource"],
        "dct:identifier": [key],
        "dct:title": said.get("title") or key,
        "dpv:hasProcessing": ["dpv:Observe"],
    }


def _storage(answer: Answer) -> list[Node]:
    kept = [_kept(category, days) for category, days in sorted(answer.terms.get("retention", {}).items())]
    as_told = {"@type": ["dpv:StorageDuration"], "dpv:hasDuration": [_until("the time that the notice states is over")]}
    return [
        {"@type": ["dpv:StorageLocation"], "dpv:hasLocation": _places(answer)},
        *(kept or [as_told]),
        {
            "@type": ["dpv:StorageDeletion"],
            "dpv:hasDuration": [_until("that time is over, or the person has it erased")],
        },
    ]


def _places(answer: Answer) -> list[Any]:
    """Name the countries of the processors; without one, the controller's own address is all that is known."""
    countries = {each.get("country") for each in answer.terms.get("processors", [])} - {"", None}
    return [f"loc:{each}" for each in sorted(countries)] or [
        {"@type": ["dpv:Location"], "dct:description": _controller_says(answer, "address")}
    ]


def _until(event: str) -> Node:
    return {"@type": ["dpv:UntilEventDuration"], "rdf:value": event}


def _kept(category: str, days: int) -> Node:
    duration = {"@type": ["dpv:TemporalDuration"], "rdf:value": f"P{days}D"}
    return {"@type": ["dpv:StorageDuration"], "dct:subject": [category], "dpv:hasDuration": [duration]}


def _control(answer: Answer) -> list[Node]:
    address = f"{answer.site}{CHOICES}"
    return [
        {"@type": [f"dpv:{each}"], "dpv:isExercisedAt": [address]} for each in ("WithdrawConsent", "ProvideConsent")
    ]


def _rights(answer: Answer) -> list[str]:
    own: dict[str, list[str]] = {Basis.CONSENT: [WITHDRAW, TAKE_AWAY], Basis.CONTRACT: [TAKE_AWAY]}
    return [*own.get(answer.basis, []), *([OBJECT] if answer.basis in OBJECTED else []), *RIGHTS]


def right(answer: Answer, name: str) -> Node:
    own = {WITHDRAW: "To withdraw consent", TAKE_AWAY: "To take one's data elsewhere", OBJECT: "To object"}
    page = CHOICES if name in (WITHDRAW, OBJECT) else REQUESTS
    return {
        "@type": ["dpv:DataSubjectRight", *([name] if answer.under_gdpr else [])],
        "dct:title": (own | RIGHTS)[name],
        "dpv:isExercisedAt": [f"{answer.site}{page}"],
    }


# --- who takes part


def entities(answer: Answer) -> list[Node]:
    said = answer.terms.get("controller", {})
    found = [
        _entity(answer, answer.controller, "DataController", said.get("name")),
        {
            "@id": answer.person,
            "@type": ["dpv:DataSubject"],
            # Outside the company's directory this is the only name that the person has here.
            "dpv:hasName": [answer.subject_id],
            "dpv:hasIdentifier": [answer.person],
        },
    ]
    if said.get("dpo_name"):
        found.append(_entity(answer, f"{answer.site}/#dpo", "DataProtectionOfficer", said["dpo_name"]))
    if said.get("representative"):
        found.append(_entity(answer, f"{answer.site}/#representative", "Representative", said["representative"]))
    if said.get("authority"):
        found.append(_entity(answer, f"{answer.site}/#authority", "DataProtectionAuthority", said["authority"]))
    return found + _others(answer)


def _others(answer: Answer) -> list[Node]:
    return [
        _entity(answer, name, role, each.get("name"), each.get("country", "")) for name, (role, each) in _named(answer)
    ]


def _named(answer: Answer) -> list[tuple[str, tuple[str, Mapping[str, Any]]]]:
    roles = (("Recipient", "recipients"), ("DataProcessor", "processors"))
    return [
        (f"{answer.site}/#{group}-{each.get('key', at)}", (role, each))
        for role, group in roles
        for at, each in enumerate(answer.terms.get(group, []))
    ]


def _receivers(answer: Answer) -> list[str]:
    return [name for name, _ in _named(answer)]


def _entity(answer: Answer, iri: str, role: str, name: str | None, country: str = "") -> Node:
    """Whoever has no address of their own in the notice is reached through the controller."""
    street, reached = _reached(answer, role, name)
    own = {"schema:addressCountry": country} if country else {"schema:streetAddress": street}
    address = {"@type": ["schema:PostalAddress"], **own}
    point = {"@type": ["schema:ContactPoint"], "schema:description": reached}
    return {
        "@id": iri,
        "@type": [f"dpv:{role}"],
        "dpv:hasName": [name or NOT_STATED],
        "dpv:hasIdentifier": [iri],
        "schema:contactPoint": [point, address],
        "schema:address": [address],
    }


def _reached(answer: Answer, role: str, name: str | None) -> tuple[str, str]:
    """Return where and how; authority and representative are one line of the notice, and nobody's but their own."""
    if role in {"DataProtectionAuthority", "Representative"}:
        return name or NOT_STATED, name or NOT_STATED
    contact = "dpo_contact" if role == "DataProtectionOfficer" else "contact"
    return _controller_says(answer, "address"), _controller_says(answer, contact)


def _controller_says(answer: Answer, what: str) -> str:
    return answer.terms.get("controller", {}).get(what) or NOT_STATED
