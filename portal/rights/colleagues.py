"""Who else may stand in a person's data, and as what a copy names them: their role, never their name."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache, partial

from django.db.models.functions import Now
from django.utils.translation import gettext as _

from portal.audit.words import ROLES
from portal.people.models import Employee, RoleGrant
from portal.rights.pack.others import Directory, Others
from portal.rights.prepared import Texts

# The grants are those in force by the database's clock: what is put together once knows no other time.
PEOPLE = Texts(
    lambda: [
        Employee.objects.order_by("pk").values("pk", "name", "email", "manager_id"),
        RoleGrant.objects.filter(ended_at=None, confirmed_at__isnull=False, ends__gt=Now())
        .order_by("role", "pk")
        .values("employee_id", "role"),
    ]
)


@dataclass(frozen=True)
class People:
    """The directory of the company: where names lead, and who each is to whom."""

    directory: Directory
    names: dict[str, str]
    managers: dict[str, str | None]


@dataclass(frozen=True)
class Colleagues:
    """Everybody, and the roles that are held."""

    people: People
    roles: dict[str, list[str]]

    @classmethod
    def read(cls) -> Colleagues:
        people, grants = PEOPLE.read()
        return cls(_people(people), _held(grants))

    @property
    def held(self) -> frozenset[str]:
        """Return which roles somebody holds."""
        return frozenset(role for roles in self.roles.values() for role in roles)

    def others_than(self, person: str) -> Others:
        """Return what finds everybody of the directory but this person."""
        return Others(self.people.directory, person, self.people.names.get(person, ""), partial(self._role, person))

    def _role(self, person: str, who: str) -> str:
        managers = self.people.managers
        if who == managers.get(person):
            return _("your manager")
        if managers[who] == person:
            return _("somebody in your team")
        return ", ".join(str(ROLES.get(role, role)) for role in self.roles.get(who, ())).lower() or _("a colleague")


@lru_cache(1)
def _people(text: str) -> People:
    """Read the directory: it is the same for everybody, and long."""
    found = json.loads(text)
    return People(
        Directory.of((each["pk"], each["name"], each["email"]) for each in found),
        {each["pk"]: each["name"] for each in found},
        {each["pk"]: each["manager_id"] for each in found},
    )


@lru_cache(1)
def _held(text: str) -> dict[str, list[str]]:
    roles = defaultdict(list)
    for grant in json.loads(text):
        roles[grant["employee_id"]].append(grant["role"])
    return dict(roles)
