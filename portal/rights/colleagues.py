"""Who else may stand in a person's data, and as what a copy names them: their role, never their name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from uuid import UUID

from django.utils.translation import gettext as _

from portal.audit.words import ROLES
from portal.people.models import Employee, RoleGrant
from portal.rights.pack.others import Colleague, Others


def others_of(subject_id: UUID) -> Others:
    """Return what finds everybody of the directory but this person."""
    return others_than(subject_id, Employee.objects.filter(pk=subject_id).first())


def others_than(subject_id: UUID, person: Employee | None) -> Others:
    """Return the same for a person who was looked up before."""
    own = (person.name,) if person else ()
    return Others.of(_colleagues(subject_id, person), besides=own)


def _colleagues(subject_id: UUID, person: Employee | None) -> Iterator[Colleague]:
    roles = defaultdict(list)
    for employee_id, role in RoleGrant.objects.in_force().order_by("role").values_list("employee_id", "role"):
        roles[employee_id].append(str(ROLES.get(role, role)))
    people = Employee.objects.exclude(pk=subject_id).values_list("pk", "name", "email", "manager_id")
    for pk, name, address, manager_id in people.iterator(2000):
        yield Colleague(name, address, _role(pk, manager_id, person, roles.get(pk, [])))


def _role(pk: UUID, manager_id: UUID | None, person: Employee | None, held: list[str]) -> str:
    if person and pk == person.manager_id:
        return _("your manager")
    if person and manager_id == person.pk:
        return _("somebody in your team")
    return ", ".join(held).lower() or _("a colleague")
