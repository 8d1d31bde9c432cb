"""Words of consent: kinds, legal bases, categories, scopes, and the gate's state as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from consent.door import DEFAULT, Redaction

FOREVER_MS = 2**53
# What the key of a fence begins with that nobody asked for: it keeps out what is older than it may be kept.
AGED = "aged-"
# 31 December 9999, UTC: what lies behind it no calendar here can show.
LAST_DAY_MS = 253_402_214_400_000
# Who said no is left alone for this long, unless the notice widens.
ASKED_AGAIN_AFTER = timedelta(days=90)
# An answer that lapses is asked for anew this long before.
RENEWED_BEFORE = timedelta(days=30)
CATEGORIES = (
    "pointer_movement",
    "pointer_clicks",
    "scrolling",
    "keystroke_timing",
    "keystroke_content",
    "app_usage",
    "web_navigation",
)


class DecisionKind(TextChoices):
    GIVEN = "given", _("given")
    REFUSED = "refused", _("refused")
    WITHDRAWN = "withdrawn", _("withdrawn")
    OBJECTED = "objected", _("objected")
    ACKNOWLEDGED = "acknowledged", _("acknowledged")


class Basis(TextChoices):
    CONSENT = "consent", _("consent")
    CONTRACT = "contract", _("contract")
    LEGAL_OBLIGATION = "legal_obligation", _("legal obligation")
    VITAL_INTERESTS = "vital_interests", _("vital interests")
    PUBLIC_TASK = "public_task", _("public task")
    LEGITIMATE_INTEREST = "legitimate_interest", _("legitimate interest")


class Withheld(StrEnum):
    """Why an event is not kept, in order of precedence."""

    NOT_PERMITTED = "not_permitted"
    BEFORE_GRANT = "before_grant"
    PAUSED = "paused"
    RESTRICTED = "restricted"
    ERASED = "erased"
    BLOCKED_APP = "blocked_app"
    UNLISTED_APP = "unlisted_app"
    DAY_OFF = "day_off"
    OFF_HOURS = "off_hours"


class Closed(Exception):
    """The tree is not an extension of the checkpoint kept outside: nothing new may be decided (503)."""


@dataclass
class NotAllowed(Exception):
    """The decision cannot be made; `code` is stable and dotted."""

    code: str


def milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _read_set(value: Any) -> frozenset[str] | None:
    return None if value is None else frozenset(value)


def _write_set(value: frozenset[str] | None) -> list[str] | None:
    return None if value is None else sorted(value)


@dataclass(frozen=True)
class Scope:
    """Which data is meant. None stands for all; times are instants in ms, `from_ms` in, `to_ms` out."""

    categories: frozenset[str] | None = None
    from_ms: int | None = None
    to_ms: int | None = None
    sources: frozenset[str] | None = None
    apps: frozenset[str] | None = None
    purposes: frozenset[str] | None = None
    # Installations and programs that sent it, as the store names them.
    collectors: frozenset[str] | None = None
    # What is left out of it, such as what a legal hold keeps from an erasure.
    without: tuple[Scope, ...] = ()

    @classmethod
    def from_json(cls, raw: Mapping[str, Any]) -> Scope:
        return cls(
            categories=_read_set(raw.get("categories")),
            from_ms=raw.get("from_ms"),
            to_ms=raw.get("to_ms"),
            sources=_read_set(raw.get("sources")),
            apps=_read_set(raw.get("apps")),
            purposes=_read_set(raw.get("purposes")),
            collectors=_read_set(raw.get("collectors")),
            without=tuple(cls.from_json(each) for each in raw.get("without", ())),
        )

    def to_json(self) -> dict[str, Any]:
        """Return only what narrows, so that everything is `{}`."""
        narrowed = {
            "categories": _write_set(self.categories),
            "from_ms": self.from_ms,
            "to_ms": self.to_ms,
            "sources": _write_set(self.sources),
            "apps": _write_set(self.apps),
            "purposes": _write_set(self.purposes),
            "collectors": _write_set(self.collectors),
            "without": [each.to_json() for each in self.without] or None,
        }
        return {name: value for name, value in narrowed.items() if value is not None}

    def covers(self, category: str, t: int, source: str, app: str, collector: str = "") -> bool:
        """Ask of everything but the purpose, which belongs to the use and not to the event."""
        return (
            (self.categories is None or category in self.categories)
            and (self.from_ms is None or t >= self.from_ms)
            and (self.to_ms is None or t < self.to_ms)
            and (self.sources is None or source in self.sources)
            and (self.apps is None or app in self.apps)
            and (self.collectors is None or collector in self.collectors)
            and not any(each.covers(category, t, source, app, collector) for each in self.without)
        )

    @property
    def whole(self) -> Scope:
        """Return the scope with what is left out of it."""
        return replace(self, without=())

    def concerns(self, purpose: str) -> bool:
        return self.purposes is None or purpose in self.purposes


@dataclass(frozen=True)
class Rule:
    """How a category may be collected."""

    off_hours: bool = False
    exact_timing: bool = False
    content_apps: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Rules:
    """How a source may collect: never while one of `blocked_apps` is in front, and each category as its rule says.

    It does so in every country but `not_in`, or in those of `only_in` alone where it is not None; from `allowed_apps`
    alone where they are not None, and with titles and addresses cut as `redaction` says. Of pages in a browser it does
    so in those of `origins` alone where they are not None.
    """

    blocked_apps: frozenset[str]
    flows: dict[str, Rule]
    only_in: frozenset[str] | None = None
    not_in: frozenset[str] = frozenset()
    allowed_apps: frozenset[str] | None = None
    redaction: Redaction = DEFAULT
    origins: frozenset[str] | None = None

    def runs_in(self, page: str) -> bool:
        """Return whether the page of an origin is one of those; what is no page has none."""
        return not page or self.origins is None or page in self.origins

    def reaches(self, country: str) -> bool:
        return (self.only_in is None or country in self.only_in) and country not in self.not_in


@dataclass(frozen=True)
class Grant:
    """A permission in force, with what the notice that was decided on covered, and by which rules.

    `rules` is None where the notice stated none: then only what is collected by is in force. `until_ms` is out.
    """

    purpose: str
    basis: str
    since_ms: int
    version: int
    leaf: int
    covers: dict[str, frozenset[str]]
    sha256: str = ""
    rules: dict[str, Rules] | None = None
    until_ms: int | None = None


@dataclass(frozen=True)
class Fence:
    """An erasure's scope: nothing in it from before `asked_ms` may come back."""

    key: str
    scope: Scope
    asked_ms: int


@dataclass(frozen=True)
class Pause:
    key: str
    from_ms: int
    to_ms: int


@dataclass(frozen=True)
class Restriction:
    """Standing while `to_ms` is None; afterwards it still holds for what was observed meanwhile.

    `ground` is the code of why, as whoever restricts has it.
    """

    key: str
    scope: Scope
    from_ms: int
    to_ms: int | None = None
    ground: str = ""

    @property
    def stands(self) -> bool:
        return self.to_ms is None


@dataclass(frozen=True)
class GateState:
    """What one read of a person's gate row says; `grants` has only those in force."""

    subject_id: UUID
    version: int
    key_epoch: int
    grants: dict[str, Grant] = field(default_factory=dict)
    pauses: tuple[Pause, ...] = ()
    restrictions: tuple[Restriction, ...] = ()
    fences: tuple[Fence, ...] = ()
    closed: str = ""
    # Local days on which nothing is collected, as the person marked them.
    days_off: frozenset[date] = frozenset()

    def paused_until(self, now_ms: int) -> int | None:
        """Return when the pause that is on now ends, None if none is on; one without end, on the last day there is."""
        ends = [min(pause.to_ms, LAST_DAY_MS) for pause in self.pauses if pause.from_ms <= now_ms < pause.to_ms]
        return max(ends, default=None)
