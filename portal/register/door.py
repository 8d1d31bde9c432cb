"""What a policy file says of a source's door: whose apps pass it, and how titles and addresses are cut in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from portal.register.parts import Name, Part

Keep = Literal["all", "first_part", "words", "nothing"]
Word = Annotated[str, StringConstraints(pattern=r"^\S{1,100}$")]
# One origin as browsers write it; without TLS only on the machine itself.
Origin = Annotated[
    str,
    StringConstraints(
        pattern=r"^(https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?|http://(localhost|127\.0\.0\.1))(:[0-9]{1,5})?$",
        max_length=200,
    ),
]


class TitlesPart(Part):
    """`first_part` ends at the first dash or bar, `words` keeps those named; `apps` have rules of their own."""

    keep: Keep = "all"
    words: list[Word] = []
    apps: dict[Name, Keep] = {}

    @model_validator(mode="after")
    def _words(self) -> TitlesPart:
        needed = "words" in (self.keep, *self.apps.values())
        if needed and not self.words:
            message = "`keep: words` needs `words`: name those that may stay"
            raise ValueError(message)
        if self.words and not needed:
            message = "`words` belongs to `keep: words`: remove it"
            raise ValueError(message)
        return self


class UrlsPart(Part):
    """What is kept of an address beside its host; `query` names the parameters that stay where others are cut."""

    keep: Literal["host", "path_without_ids", "path", "all"] | None = None
    query: list[Word] = []

    @model_validator(mode="after")
    def _query(self) -> UrlsPart:
        if self.query and self.keep == "host":
            message = "`keep: host` keeps no query: remove `query`"
            raise ValueError(message)
        if self.query and self.keep == "all":
            message = "`keep: all` keeps every parameter: remove `query`, or keep less"
            raise ValueError(message)
        return self


class RedactionPart(Part):
    """How titles and addresses are cut before anything is sealed; what is left out is as for every source."""

    titles: TitlesPart = Field(default_factory=TitlesPart)
    urls: UrlsPart = Field(default_factory=UrlsPart)


def stored(part: RedactionPart | None) -> dict[str, Any]:
    """Return the rules as the register keeps them: only what differs from those of every source, in one order."""
    if part is None:
        return {}
    titles, urls = part.titles, part.urls
    said = {
        "titles": {
            **({"keep": titles.keep} if titles.keep != "all" else {}),
            **({"words": sorted(set(titles.words))} if titles.words else {}),
            **({"apps": dict(sorted(titles.apps.items()))} if titles.apps else {}),
        },
        "urls": {
            **({"keep": urls.keep} if urls.keep not in (None, "all") else {}),
            **({"query": sorted(set(urls.query))} if urls.query else {}),
        },
    }
    return {name: rules for name, rules in said.items() if rules}


def rules(blocked: Iterable[str], allowed: Iterable[str] | None, redaction: dict[str, Any]) -> dict[str, Any]:
    """Return all that stands at a door as a version of it is kept; the same whatever the order in the file."""
    listed = {} if allowed is None else {"allowed_apps": sorted(set(allowed))}
    return {"blocked_apps": sorted(set(blocked)), **listed, **redaction}
