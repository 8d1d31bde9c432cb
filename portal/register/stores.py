"""Other systems of the company that hold a person's data, as the policy file declares them: how each is asked."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from portal.register import statements
from portal.register.parts import Key, Name, Part, Text, twice

# A policy is read by many and approved by people who run nothing: what it names is no secret, and only what is meant
# for it. Without the prefix it could have our own passwords sent to an address of its own.
Secret = Annotated[str, StringConstraints(pattern=r"^STORE_[A-Z0-9_]{1,58}$")]
KINDS = ("opendsr", "sql", "manual")


def _base(url: str) -> str:
    try:
        parts = urlsplit(url)
        plain = (
            parts.scheme == "https" and parts.hostname and not (parts.query or parts.fragment or "@" in parts.netloc)
        )
    except ValueError:
        plain = False
    if not plain:
        message = "is no address: write https://host/path, without a password, a question mark or a #"
        raise ValueError(message)
    return url.rstrip("/")


def _statement(text: str) -> str:
    if wrong := next(statements.faults(text), ""):
        raise ValueError(wrong)
    return text


Statement = Annotated[Text, AfterValidator(_statement)]


class OpenDsrPart(Part):
    """A system that speaks OpenDSR 2.0."""

    url: Annotated[str, Field(max_length=400), AfterValidator(_base)]
    token: Secret
    domain: str = Field("", max_length=200, pattern=r"^[a-z0-9.-]*$")
    identity: Literal["email", "employee_number"] = "email"


class SqlPart(Part):
    """A PostgreSQL database."""

    dsn: Secret
    access: Statement | None = None
    erasure: Statement | None = None
    rows: int = Field(10_000, gt=0, le=1_000_000)
    seconds: int = Field(30, gt=0, le=40)


class ManualPart(Part):
    """A system that somebody looks into by hand."""

    instructions: Text
    remind_days: int = Field(3, gt=0, le=30)


class StorePart(Part):
    """One other system: what it holds, for what it is asked, and how."""

    key: Key
    title: Name
    holds: Text
    owner: Name
    asked_for: list[Literal["access", "portability", "erasure"]] = Field(["access", "erasure"], min_length=1)
    purposes: list[Key] = []
    opendsr: OpenDsrPart | None = None
    sql: SqlPart | None = None
    manual: ManualPart | None = None
    retired: bool = False

    @model_validator(mode="after")
    def _one_way(self) -> StorePart:
        ways = [name for name in KINDS if getattr(self, name)]
        if len(ways) != 1:
            message = f"has one of {', '.join(KINDS)}: keep one"
            raise ValueError(message)
        if again := twice(self.asked_for):
            message = f"asked_for has {again!r} twice: keep one"
            raise ValueError(message)
        if missing := self._without_statement():
            message = f"sql has no statement for {missing}: add `{missing}`, or take it out of asked_for"
            raise ValueError(message)
        return self

    def _without_statement(self) -> str:
        if self.sql is None:
            return ""
        wanted = {"erasure" if each == "erasure" else "access" for each in self.asked_for}
        return next((name for name in sorted(wanted) if not getattr(self.sql, name)), "")

    @property
    def kind(self) -> str:
        return next(name for name in KINDS if getattr(self, name))

    @property
    def row(self) -> dict[str, Any]:
        """Return what the register keeps of it."""
        said = self.model_dump(include={"title", "holds", "owner", "asked_for", "purposes"})
        return {**said, "kind": self.kind, "how": getattr(self, self.kind).model_dump(mode="json")}
