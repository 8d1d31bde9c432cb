"""What a signed-in person may do, from the one table of roles."""

from __future__ import annotations

from django.contrib.auth.backends import BaseBackend


class RoleBackend(BaseBackend):
    """Answers has_perm() from the person's roles in force."""
