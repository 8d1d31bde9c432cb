"""The policy file: what a company writes down before anything is collected, read strictly and with clear errors."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    Field,
    StringConstraints,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from consent.values import CATEGORIES, Basis
from portal.register.door import Origin, RedactionPart
from portal.register.parts import Key, Name, Part, Text
from portal.register.parts import twice as _twice
from portal.register.stores import StorePart
from portal.register.values import Kind

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Jurisdiction = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
Language = Literal["en", "de", "fr"]


def _category(text: str) -> str:
    if text not in CATEGORIES:
        message = f"is no category; there are {', '.join(CATEGORIES)}"
        raise ValueError(message)
    return text


Category = Annotated[str, AfterValidator(_category), WithJsonSchema({"type": "string", "enum": list(CATEGORIES)})]


class ControllerPart(Part):
    name: Name
    address: Text
    contact: Name
    representative: str = Field("", max_length=400)
    dpo_name: Name
    dpo_contact: Name
    authority: Annotated[Text, Field(max_length=400)]
    security: list[Text] = Field(min_length=1)
    council_approves: bool = True
    agreement_required: bool | Annotated[list[Country], Field(min_length=1)] = True


class RecipientPart(Part):
    key: Key
    name: Name
    receives: Text
    contact: str = Field("", max_length=200)
    country: Country
    safeguard: str = ""
    retired: bool = False


class ProcessorPart(Part):
    key: Key
    name: Name
    service: Text
    contact: str = Field("", max_length=200)
    country: Country
    safeguard: str = ""
    contract_dated: date
    retired: bool = False


class RetentionPart(Part):
    category: Category
    days: int = Field(gt=0, le=3650)
    why: Text


class NoticePart(Part):
    title: Name
    summary: Text
    further: list[Text] = []


class AfterDays(Part):
    after_days: int = Field(gt=0, le=3650)


class EachYear(Part):
    each: Literal["calendar_year"]


class PurposePart(Part):
    key: Key
    title: Name
    description: Text
    basis: Basis
    refusal_has_consequence: bool | None = None
    refusal_consequence: str = ""
    alternative: str = ""
    legitimate_interest: str = ""
    law: str = ""
    obligatory: str = ""
    automated_decisions: str = ""
    people: Name = "employees"
    recipients: list[Key] | Literal["none"] | None = None
    retention: list[RetentionPart] = []
    notices: dict[Language, NoticePart] = {}
    expires: AfterDays | EachYear | None = None
    jurisdictions: list[Jurisdiction] = []
    must_acknowledge: bool = False
    retired: bool = False

    @model_validator(mode="after")
    def _free(self) -> PurposePart:
        if self.basis == Basis.CONSENT and self.refusal_has_consequence:
            message = (
                "consent cannot be the basis where a refusal has a consequence (it would not be free): "
                "take the consequence away, or name another basis"
            )
            raise ValueError(message)
        if self.must_acknowledge and self.basis != Basis.LEGAL_OBLIGATION:
            message = (
                "a notice that must be acknowledged rests on `legal_obligation`: being told is no consent, "
                "and consent is not asked by it"
            )
            raise ValueError(message)
        if twice := _twice(each.category for each in self.retention):
            message = f"has two periods for {twice}: keep one"
            raise ValueError(message)
        return self


class AssessmentPart(Part):
    title: Name
    dated: date
    by: Name
    summary: Text
    workers_views: str = ""
    workers_asked: date


class AgreementPart(Part):
    reference: Name
    clause: Name
    parties: Annotated[Text, Field(max_length=400)]
    dated: date


class CountryAgreementPart(AgreementPart):
    country: Country


class FlowPart(Part):
    category: Category
    purpose: Key
    why: Text
    off_hours: bool = False
    exact_timing: bool = False
    content_apps: list[Name] = []

    @model_validator(mode="after")
    def _content(self) -> FlowPart:
        typed = self.category == "keystroke_content"
        if typed and not self.content_apps:
            message = "keystroke_content needs content_apps: name each app whose typed text is kept"
            raise ValueError(message)
        if typed and "unknown" in self.content_apps:
            message = "content_apps cannot hold 'unknown': typed text is kept only for apps that are known"
            raise ValueError(message)
        if self.content_apps and not typed:
            message = "content_apps belongs to keystroke_content only: remove it"
            raise ValueError(message)
        return self


class SourcePart(Part):
    key: Key
    title: Name
    kind: Kind
    description: Text
    owner: Name
    blocked_apps: list[Name] = []
    allowed_apps: Annotated[list[Name], Field(min_length=1)] | None = None
    redaction: RedactionPart | None = None
    origins: list[Origin] = []
    earlier_recordings: str = ""
    assessment: AssessmentPart | None = None
    works_agreement: AgreementPart | None = None
    works_agreements: list[CountryAgreementPart] | None = None
    flows: list[FlowPart] = []
    retired: bool = False

    @model_validator(mode="after")
    def _once(self) -> SourcePart:
        if twice := _twice((flow.category, flow.purpose) for flow in self.flows):
            message = f"has two flows of {twice[0]} for {twice[1]}: keep one"
            raise ValueError(message)
        if twice := _twice(each.country for each in self.works_agreements or []):
            message = f"has two works agreements for {twice}: keep one"
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _apps(self) -> SourcePart:
        allowed = self.allowed_apps or []
        if "unknown" in allowed:
            message = "allowed_apps cannot hold 'unknown': of an app that nobody named nothing is kept where a list is"
            raise ValueError(message)
        if both := sorted(set(allowed) & set(self.blocked_apps)):
            message = f"has {both[0]!r} in blocked_apps and in allowed_apps: keep it in one"
            raise ValueError(message)
        if self.origins and self.kind != Kind.BROWSER:
            message = "origins belong to a source of kind browser: remove them"
            raise ValueError(message)
        return self


KEYED = ("recipients", "processors", "purposes", "sources", "stores")


class Policy(Part):
    """A policy file. What it does not name stays as it is; a source that it names has exactly these flows."""

    version: Literal[1]
    controller: ControllerPart | None = None
    recipients: list[RecipientPart] = []
    processors: list[ProcessorPart] = []
    purposes: list[PurposePart] = []
    sources: list[SourcePart] = []
    stores: list[StorePart] = []

    @model_validator(mode="after")
    def _keys(self) -> Policy:
        for name in KEYED:
            if twice := _twice(each.key for each in getattr(self, name)):
                message = f"{name}: the key {twice!r} stands twice"
                raise ValueError(message)
        return self

    @property
    def keys(self) -> frozenset[tuple[str, str]]:
        """Every thing the file speaks of."""
        named = {(name, each.key) for name in KEYED for each in getattr(self, name)}
        return frozenset(named | ({("controller", "")} if self.controller else set()))


@dataclass(frozen=True)
class Fault:
    """What is wrong, and where: `sources[0].flows[1].category`."""

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path or 'the file'}: {self.what}"


class PolicyFaults(ValueError):
    """The policy file cannot be taken; `faults` name every place."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = faults


class _Loader(yaml.SafeLoader):
    """YAML as people mean it: NO is Norway, and a key that stands twice is a mistake."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = Counter(self.construct_object(key, deep=True) for key, _ in node.value)
        twice = [key for key, times in seen.items() if times > 1]
        if twice:
            raise yaml.constructor.ConstructorError(None, None, f"the key {twice[0]!r} stands twice", node.start_mark)
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {
    first: [(tag, what) for tag, what in each if tag != "tag:yaml.org,2002:bool" or first in "tTfF"]
    for first, each in yaml.SafeLoader.yaml_implicit_resolvers.items()
}

PLAIN = {
    "missing": "is missing: add it",
    "extra_forbidden": "is not known here: correct its name or remove it",
    "none_required": "has to be left empty",
}


def load(text: str) -> Policy:
    """Read a policy file; raises PolicyFaults."""
    try:
        raw = yaml.load(text, Loader=_Loader)  # noqa: S506 (a SafeLoader, only stricter)
    except (yaml.YAMLError, RecursionError) as error:
        raise PolicyFaults([Fault("", f"is not YAML: {error}")]) from error
    if not isinstance(raw, dict):
        raise PolicyFaults([Fault("", "begins with `version: 1`, then controller, purposes and sources")])
    return from_document(raw)


def schema() -> str:
    """Return the JSON Schema of a policy file, for editors that check while somebody writes."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A policy of Daylight"}
    return json.dumps(Policy.model_json_schema() | head, indent=2, ensure_ascii=False) + "\n"


def from_document(raw: dict[str, Any]) -> Policy:
    """Check what was read from a file, or from a draft; raises PolicyFaults."""
    try:
        return Policy.model_validate(raw)
    except ValidationError as error:
        raise PolicyFaults([_fault(each) for each in error.errors(include_url=False)]) from error


def _fault(error: Any) -> Fault:
    path = ""
    for part in error["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    what = PLAIN.get(error["type"], error["msg"].removeprefix("Value error, "))
    return Fault(path.removeprefix("."), what)
