"""What a signed-in person may do, from the one table of roles."""

from __future__ import annotations

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AnonymousUser
from django.db.models import Model

from portal.people.models import Employee


class RoleBackend(BaseBackend):
    """Answers has_perm() from the person's roles in force; it signs nobody in."""

    def get_user(self, user_id: object) -> None:
        return None

    def get_all_permissions(self, user_obj: Employee | AnonymousUser, obj: Model | None = None) -> set[str]:
        return set(user_obj.permissions) if isinstance(user_obj, Employee) else set()
