"""Whom a request means: an address or an employee number, in clear or as its SHA-256."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import CharField, F, Func
from django.db.models.functions import Lower

from portal.people.models import Employee
from portal.rights.opendsr.schemas import Identity
from portal.rights.opendsr.values import IdentityFormat, IdentityType, Wrong

HASHED = "encode(sha256(convert_to(%(expressions)s, 'UTF8')), 'hex')"
COLUMNS = {IdentityType.EMAIL: Lower("email"), IdentityType.NUMBER: F("employee_number")}


def person(identities: Iterable[Identity]) -> UUID:
    """Return the one person that all of these name; raises Wrong, which repeats none of them."""
    found = {_one(each) for each in identities}
    if None in found:
        raise Wrong(400, "An identity is not known here.", [("identity.unknown", "There is no such person.")])
    if len(found) != 1:
        raise Wrong(400, "The identities name several people.", [("identity.ambiguous", "Send a request for each.")])
    return UUID(str(found.pop()))


def _one(identity: Identity) -> UUID | None:
    """Company size: the hashes of all are worked out in one query."""
    value = identity.identity_value.strip()
    if identity.identity_type == IdentityType.EMAIL or identity.identity_format == IdentityFormat.SHA256:
        value = value.lower()
    column = COLUMNS[identity.identity_type]
    if identity.identity_format == IdentityFormat.SHA256:
        column = Func(column, template=HASHED, output_field=CharField())
    people = Employee.objects.annotate(named=column)
    return people.filter(named=value).values_list("pk", flat=True).first()
