"""Roles and what each may do: the one table that pages, templates and the API ask through has_perm()."""

from __future__ import annotations

from datetime import timedelta

from django.db import models
from django.utils.translation import gettext_lazy as _

LONGEST = timedelta(days=365)


class Role(models.TextChoices):
    """Everybody is an employee; every other role is granted by one person and confirmed by another."""

    HR = "hr", _("Human resources")
    LEGAL = "legal", _("Legal and data protection")
    COUNCIL = "council", _("Works council")
    ENGINEER = "engineer", _("Release engineer")
    OPERATOR = "operator", _("Operator")
    AUDITOR = "auditor", _("Auditor")


# A permission is a dotted codename. None of them lets anybody but the person read a single event.
ROLES: dict[str, frozenset[str]] = {
    Role.HR: frozenset({"requests.handle", "leavers.handle"}),
    Role.LEGAL: frozenset(
        {
            "requests.handle",
            "objections.decide",
            "holds.handle",
            "register.read",
            "register.change",
            "register.approve",
            "audit.read",
        }
    ),
    Role.COUNCIL: frozenset({"register.read", "register.approve", "audit.read"}),
    Role.ENGINEER: frozenset({"register.read", "releases.handle"}),
    Role.OPERATOR: frozenset({"register.read", "sources.operate", "clients.manage"}),
    Role.AUDITOR: frozenset({"register.read", "audit.read"}),
}

# Who runs the system, who says what is lawful and who speaks for the workers are never the same person.
APART = frozenset({Role.OPERATOR, Role.LEGAL, Role.COUNCIL})


def permissions_of(roles: frozenset[str]) -> frozenset[str]:
    return frozenset().union(*(ROLES[role] for role in roles))


def clash(roles: frozenset[str], wanted: str) -> str:
    """Return the role held that may not be joined with the wanted one, or an empty text."""
    if wanted not in APART:
        return ""
    return next(iter(sorted((APART & roles) - {wanted})), "")
