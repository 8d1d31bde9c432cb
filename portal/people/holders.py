"""Who holds a role now, for what is sent to a role and not to a person."""

from __future__ import annotations

from uuid import UUID

from portal.people.models import RoleGrant
from portal.people.roles import Role


def holders(*roles: Role) -> list[UUID]:
    """Return everybody who holds one of these roles and can sign in."""
    grants = RoleGrant.objects.in_force().filter(role__in=roles, employee__is_active=True)
    return list(grants.order_by("employee_id").values_list("employee_id", flat=True).distinct())
