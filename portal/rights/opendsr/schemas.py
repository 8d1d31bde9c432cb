"""The body of an OpenDSR request, read strictly where it matters; what we do not know is left to others."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from portal import strictjson
from portal.outbox import destinations
from portal.outbox.fetch import rules
from portal.rights.opendsr.values import TYPES, IdentityFormat, IdentityType, Wrong

UUID4 = r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
EARLIEST = 1970
MOST_ERRORS = 20
# Nothing of a value is repeated, only what was wrong with it.
SAYS = {
    "missing": "is required",
    "literal_error": "is not supported",
    "enum": "is not supported",
    "string_pattern_mismatch": "is not a lowercase UUID of version 4",
}


def _written(value: Any) -> Any:
    if not isinstance(value, str) or not RFC3339.fullmatch(value):
        message = "is not a date of RFC 3339"
        raise ValueError(message)
    return value


def _sane(at: datetime) -> datetime:
    if at.year <= EARLIEST:
        message = "is too long ago"
        raise ValueError(message)
    return at


def _reachable(url: str) -> str:
    """Refuse now what would never be called; where the name leads is checked at each call."""
    try:
        destinations.target(url, rules())
    except destinations.Refused as error:
        message = "is not an address that is called"
        raise ValueError(message) from error
    return url


class Identity(BaseModel):
    """How a person is named."""

    identity_type: IdentityType
    identity_format: IdentityFormat
    identity_value: Annotated[str, Field(min_length=1, max_length=400)]


class Asked(BaseModel):
    """What a controller asks for."""

    model_config = ConfigDict(extra="ignore")

    regulation: Literal["gdpr", "ccpa"]
    subject_request_id: Annotated[str, Field(pattern=UUID4)]
    subject_request_type: Literal[tuple(TYPES)]  # type: ignore[valid-type]
    subject_identities: Annotated[list[Identity], Field(min_length=1, max_length=20)]
    submitted_time: Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_sane)]
    api_version: Annotated[str, Field(max_length=16)] = "2.0"
    status_callback_urls: Annotated[
        list[Annotated[str, Field(max_length=2000), AfterValidator(_reachable)]], Field(max_length=5)
    ] = []


def read(body: bytes, *, old: bool) -> Asked:
    """Read a body; raises Wrong. Before 2.0 there was no regulation but the one."""
    try:
        raw = strictjson.parse(body)
        if not isinstance(raw, dict):
            raise Wrong(400, "The body is not a JSON object.", [("malformed", "The body is not a JSON object.")])
        asked = Asked.model_validate({"regulation": "gdpr", **raw} if old else raw)
    except strictjson.Malformed as error:
        raise Wrong(400, "The body could not be read.", [("malformed", str(error))]) from error
    except ValidationError as error:
        raise Wrong(400, "The request is not well formed.", _details(error)) from error
    if not old and asked.api_version.partition(".")[0] != "2":
        raise Wrong(400, "The api_version is not supported.", [("version", "Version 2.0 is spoken here.")])
    return asked


def _details(error: ValidationError) -> list[tuple[str, str]]:
    return [_detail(each) for each in error.errors(include_url=False, include_input=False)[:MOST_ERRORS]]


def _detail(each: Any) -> tuple[str, str]:
    field = ".".join(str(part) for part in each["loc"])
    own = each["msg"].removeprefix("Value error, ") if each["type"] == "value_error" else ""
    return each["type"], f"{field} {own or SAYS.get(each['type'], 'is not valid')}"
