"""What may be recorded and sent now, as the portal answered; what is not said to be allowed is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from portal.agent.keys import kind_of

CATEGORY = {
    "pointermove": "pointer_movement",
    "pointerdown": "pointer_clicks",
    "pointerup": "pointer_clicks",
    "wheel": "scrolling",
    "keydown": "keystroke_timing",
    "keyup": "keystroke_timing",
    "focus": "app_usage",
}
RECORDED = frozenset(CATEGORY.values())
CONTENT = "keystroke_content"
# The working day is over: nothing new is recorded, but what lay within it may still be sent.
OVER = "off_hours"
Event = dict[str, Any]


@dataclass(frozen=True)
class Permits:
    """`refused` are the other categories with the reason; `typed` says of apps whether text typed there is allowed."""

    allowed: frozenset[str] = frozenset()
    refused: dict[str, str] = field(default_factory=dict)
    blocked: frozenset[str] = frozenset()
    listed: frozenset[str] | None = None
    paused_until: str = ""
    typed: dict[str, bool] = field(default_factory=dict)

    @property
    def recorded(self) -> frozenset[str]:
        """What there is to listen to."""
        return self.allowed & RECORDED

    def hides(self, app: str) -> bool:
        """Whether nothing of this app may be recorded, however its name is written."""
        name = app.casefold()
        return name in self.blocked or (self.listed is not None and name not in self.listed)

    def takes_text(self, app: str) -> bool:
        return CONTENT in self.allowed and self.typed.get(app, False)

    def narrows(self, old: Permits) -> bool:
        """Whether something that was allowed before is not allowed now."""
        listed = self.listed is not None and (old.listed is None or not old.listed <= self.listed)
        typed = any(allowed and not self.typed.get(app) for app, allowed in old.typed.items())
        return bool(old.allowed - self.allowed or self.blocked - old.blocked or listed or typed)

    def lessened(self, event: Event) -> Event | None:
        """Return what may stay in the queue of an event recorded before, None if nothing may."""
        category = CATEGORY[event["type"]]
        if category not in self.allowed and self.refused.get(category) != OVER:
            return None
        if self.hides(event.get("app", "")) and "app" in event:
            return None
        if "key" in event and (CONTENT not in self.allowed or self.typed.get(event["app"]) is False):
            return {**{name: each for name, each in event.items() if name != "key"}, "code": kind_of(event["code"])}
        return event


NOTHING = Permits()


def read(said: dict[str, Any], typed: dict[str, bool]) -> Permits:
    """Make sense of an answer of /permissions."""
    categories = {name: each for name, each in said.get("categories", {}).items() if isinstance(each, dict)}
    allowed = frozenset(name for name, each in categories.items() if each.get("allowed") is True)
    apps = said.get("apps") or {}
    listed = apps.get("allowed")
    return Permits(
        allowed=allowed,
        refused={name: each.get("reason") or "" for name, each in categories.items() if name not in allowed},
        blocked=_names(apps.get("blocked") or ()),
        listed=None if listed is None else _names(listed),
        paused_until=said.get("paused_until") or "",
        typed=typed if CONTENT in allowed else {},
    )


def _names(apps: list[str]) -> frozenset[str]:
    return frozenset(app.casefold() for app in apps)
