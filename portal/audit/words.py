"""How an act is told to the person whose data it was about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from portal.audit.models import Act
from portal.audit.values import Action, ActorKind, ReadPurpose

Words = Mapping[str, str | Promise]

ROLES: Words = {
    "hr": gettext_lazy("Human resources"),
    "legal": gettext_lazy("Legal and data protection"),
    "council": gettext_lazy("Works council"),
    "engineer": gettext_lazy("A release engineer"),
    "operator": gettext_lazy("An operator"),
    "auditor": gettext_lazy("An auditor"),
    "code": gettext_lazy("Whoever held both halves of the code"),
}
PURPOSES: Words = {
    ReadPurpose.SUBJECT_REQUEST: gettext_lazy("to answer a request"),
    ReadPurpose.INCIDENT: gettext_lazy("because of an incident"),
    ReadPurpose.LEGAL_CLAIM: gettext_lazy("for a legal claim"),
    ReadPurpose.SUPERVISORY_AUTHORITY: gettext_lazy("for the supervisory authority"),
}
WHAT: Words = {
    Action.DATA_READ: gettext_lazy("read single records of your data"),
    Action.BUNDLE_DOWNLOADED: gettext_lazy("downloaded a copy of your data"),
    Action.DECISIONS_READ: gettext_lazy("read what you decided"),
    Action.RECEIPTS_READ: gettext_lazy("read your receipts"),
    Action.DECISION_TOLD: gettext_lazy("was told that you took a yes back"),
    Action.ACCESS_REFUSED: gettext_lazy("tried to open your pages and was refused"),
}


def actor(act: Act) -> str:
    """Name who acted by what they are: the role always, a person's name only where it is opened."""
    if act.is_own:
        return _("You")
    if act.actor_kind == ActorKind.CLIENT:
        return _("The connected system %(name)s") % {"name": act.actor_label or act.actor_id}
    if act.actor_kind == ActorKind.COMMAND:
        return _("Somebody at the server")
    if act.actor_kind == ActorKind.SYSTEM:
        return "Daylight"
    roles = [str(ROLES[key]) for key in act.actor_role.split(",") if key in ROLES]
    return ", ".join(roles) or _("A colleague")


@dataclass(frozen=True)
class Look:
    """A line of "who looked"."""

    who: str
    says: str
    why: str
    at: datetime
    is_refused: bool
    is_own: bool
    facts: list[tuple[str, str]]


def look(act: Act) -> Look:
    return Look(
        who=actor(act),
        says=_says(act),
        why=str(PURPOSES.get(act.purpose, act.purpose)),
        at=act.at,
        is_refused=act.action == Action.ACCESS_REFUSED,
        is_own=act.is_own,
        facts=_facts(act),
    )


def _says(act: Act) -> str:
    if act.action == Action.DATA_VIEWED and "day" in act.facts:
        day = date.fromisoformat(str(act.facts["day"]))
        return _("looked at single events of %(day)s") % {"day": date_format(day, "j F Y")}
    return str(WHAT.get(act.action, act.sentence))


def _facts(act: Act) -> list[tuple[str, str]]:
    """Return what is known besides, for when the line is opened."""
    known = [
        (_("Name"), act.actor_label),
        (_("Page that was asked for"), str(act.facts.get("path", ""))),
        (_("Request"), act.case),
        (_("Entry in the log"), "" if act.leaf_idx is None else f"{act.leaf_idx:,}"),
    ]
    return [(name, value) for name, value in known if value]
