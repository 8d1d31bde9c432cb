"""A code that waits to be confirmed: what the cache keeps of it until then, and who may confirm it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from allauth.idp.oidc.internal.oauthlib import device_codes
from django.core.cache import cache
from django.core.exceptions import ValidationError

from portal.events.enrolment import joining
from portal.events.enrolment.values import Said
from portal.people.models import Employee
from portal.register.models import Source


@dataclass(frozen=True)
class Pending:
    """A collector that shows `user_code`; `employee` names the only one who may confirm it, where it said so."""

    user_code: str
    device_code: str
    source: Source
    said: Said
    employee: str
    until: datetime

    def is_for(self, person: Employee) -> bool:
        return self.employee in ("", person.employee_number, str(person.pk))


def find(user_code: str) -> Pending | None:
    """Return what waits under this code; none for one that is unknown, was answered, or has run out."""
    try:
        device_code, client = device_codes.validate_user_code(user_code)
    except ValidationError:
        return None
    data: dict[str, Any] | None = cache.get(device_codes.cache_device_code_key(device_code))
    source = joining.source_of(client.pk)
    if data is None or source is None or "said" not in data:
        return None
    until = datetime.fromtimestamp(data["expires_at"], UTC)
    shown = data["device"]["user_code"]
    return Pending(shown, device_code, source, Said(**data["said"]), data["employee"], until)


def settle(found: Pending, person: Employee, *, yes: bool) -> None:
    """Write the answer where allauth looks for it; a yes stands in our own row as well."""
    device_codes.confirm_or_deny_device_code(person, found.device_code, confirm=yes)
