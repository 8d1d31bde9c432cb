"""What the API of subject requests takes and gives."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from ninja import Schema
from pydantic import (
    AfterValidator,
    AliasChoices,
    AwareDatetime,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from consent.values import CATEGORIES, Scope
from portal.rights.redress.values import Restricting
from portal.rights.values import Extension, Format, Ground, Kind, Refusal, State

# Of an erasure, and of a restriction; which belong to which is checked with the kind.
GROUNDS = tuple(dict.fromkeys((*Ground.values, *Restricting.values)))
DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
INSTANT = re.compile(rf"{DAY.pattern}T\d\d:\d\d:\d\d(\.\d{{1,6}})?(Z|[+-]\d\d:\d\d)", re.ASCII)
EARLIEST_YEAR, LATEST_YEAR = 1970, 2999


def _storable(text: str) -> str:
    if "\x00" in text or any("\ud800" <= each <= "\udfff" for each in text):
        message = "holds characters that are no text"
        raise ValueError(message)
    return text


def _sane(at: datetime) -> datetime:
    if not EARLIEST_YEAR < at.year < LATEST_YEAR:
        message = "is not a time we could have received anything"
        raise ValueError(message)
    return at


def _written_out(text: Any) -> date | datetime:
    """Read a day or a time as it is written; a number could mean one too, and a time without a zone is none."""
    try:
        if DAY.fullmatch(str(text)):
            return date.fromisoformat(str(text))
        if INSTANT.fullmatch(str(text)):
            return datetime.fromisoformat(str(text))
    except ValueError:
        pass
    message = "is no day (2026-12-01) and no time with a zone (2026-12-01T12:00:00Z)"
    raise ValueError(message)


def _sane_day(day: date | datetime) -> date | datetime:
    if not EARLIEST_YEAR < day.year < LATEST_YEAR:
        message = "is not a day that could be meant"
        raise ValueError(message)
    return day


DueBefore = Annotated[AwareDatetime | date, BeforeValidator(_written_out), AfterValidator(_sane_day)]
Text = Annotated[str, AfterValidator(_storable)]
Instant = Annotated[AwareDatetime, AfterValidator(_sane)]
Names = list[Annotated[Text, Field(min_length=1, max_length=200)]]


class Strict(Schema):
    """A body without fields that nobody reads."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class ScopeIn(Strict):
    """Which data is meant; what is absent narrows nothing."""

    categories: list[Literal[CATEGORIES]] | None = Field(None, min_length=1)  # type: ignore[valid-type]
    from_: Instant | None = Field(None, alias="from")
    to: Instant | None = None
    sources: Names | None = Field(None, min_length=1)
    apps: Names | None = Field(None, min_length=1)
    purposes: Names | None = Field(None, min_length=1)
    collectors: Names | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _forward(self) -> ScopeIn:
        if self.from_ and self.to and self.from_ >= self.to:
            message = "`from` must be before `to`"
            raise ValueError(message)
        return self

    def to_scope(self) -> Scope:
        return Scope(
            categories=_set(self.categories),
            from_ms=_milliseconds(self.from_),
            to_ms=_milliseconds(self.to),
            sources=_set(self.sources),
            apps=_set(self.apps),
            purposes=_set(self.purposes),
            collectors=_set(self.collectors),
        )


def _set(named: list[str] | None) -> frozenset[str] | None:
    return None if named is None else frozenset(named)


def _milliseconds(at: datetime | None) -> int | None:
    return None if at is None else round(at.timestamp() * 1000)


EXAMPLES = [
    {"kind": "access", "subject": "1042", "format": "jsonl"},
    {
        "kind": "erasure",
        "subject": "0b0c8a56-6a0e-4f5e-8c39-6d7a0c2f9e01",
        "scope": {"categories": ["pointer_movement"], "from": "2026-11-01T00:00:00Z", "to": "2026-11-02T00:00:00Z"},
        "ground": "no_longer_necessary",
        "received_at": "2026-11-20T09:30:00+01:00",
        "channel": "letter",
        "representative": "Advokatur Beispiel",
    },
]


class RequestIn(Strict):
    """What is asked, and about whom: by subject_id or employee number."""

    model_config = ConfigDict(json_schema_extra={"examples": EXAMPLES})

    kind: Kind
    subject: Annotated[Text, Field(min_length=1, max_length=64)]
    format: Format = Format.CSV
    scope: ScopeIn = Field(default_factory=ScopeIn)
    ground: Literal[GROUNDS] | None = None  # type: ignore[valid-type]
    note: Annotated[Text, Field(max_length=4096)] = ""
    received_at: Instant | None = None
    channel: Annotated[Text, Field(max_length=80)] = ""
    representative: Annotated[Text, Field(max_length=200)] = ""

    @field_validator("ground")
    @classmethod
    def _of_its_kind(cls, ground: str | None, info: ValidationInfo) -> str | None:
        known = Restricting.values if info.data.get("kind") == Kind.RESTRICTION else Ground.values
        if ground and ground not in known:
            message = f"is none of {', '.join(known)}"
            raise ValueError(message)
        return ground


class RefuseIn(Strict):
    """Why it is refused, from the list."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "excessive", "note": "Asked each week."}]})

    reason: Refusal = Field(validation_alias=AliasChoices("reason", "ground"))
    note: Annotated[Text, Field(max_length=4096)] = ""


class ExtendIn(Strict):
    """Why more time is needed, from the list."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "complexity"}]})

    reason: Extension


class Progress(Schema):
    """Parts of the work."""

    done: int
    total: int


class RequestOut(Schema):
    """A subject request as it stands; `due` is the end of the last day, where the person is."""

    id: UUID
    kind: Kind
    subject: UUID
    state: State
    scope: dict[str, Any]
    format: Format
    received: datetime
    due: datetime
    explanation: str
    progress: Progress
    reason: str
    certificate: dict[str, Any] | None


class RequestPage(Schema):
    """Some requests, newest first, and where the next ones begin."""

    items: list[RequestOut]
    next: str | None


class StepOut(Schema):
    """A step of the work."""

    name: str
    label: str
    state: str
    done: int
    total: int


class StepPage(Schema):
    """The steps of a request, in order."""

    items: list[StepOut]
    next: str | None


class DecisionOut(Schema):
    """What a person decided, and where the ledger has it."""

    purpose: str
    kind: str
    at: datetime
    notice_version: int
    notice_sha256: str
    path: str
    ledger_index: int


class DecisionPage(Schema):
    """Some decisions, oldest first."""

    items: list[DecisionOut]
    next: str | None


class ReceiptOut(Schema):
    """The receipt of a decision (c2sp.org/tlog-proof@v1), null while no checkpoint covers its entry."""

    ledger_index: int
    purpose: str
    kind: str
    at: datetime
    receipt: str | None
    pending: bool


class ReceiptPage(Schema):
    """Some receipts, oldest first."""

    items: list[ReceiptOut]
    next: str | None
