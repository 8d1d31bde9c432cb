"""The second factor's forms: a code serves once, also when the cache that remembers it was lost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.app_settings import TOTP_PERIOD
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from django.db.models import Q
from django.utils import timezone


def use_up(authenticator: Authenticator) -> bool:
    """Note in the database that this step's code was used; False where it was before (RFC 6238, section 5.2)."""
    now = timezone.now()
    step = datetime.fromtimestamp(now.timestamp() // TOTP_PERIOD * TOTP_PERIOD, UTC)
    earlier = Q(last_used_at=None) | Q(last_used_at__lt=step)
    return bool(Authenticator.objects.filter(earlier, pk=authenticator.pk).update(last_used_at=now))


class _Once:
    """Refuses a time-based code a second time."""

    def clean_code(self) -> str:
        code: str = super().clean_code()  # type: ignore[misc]
        found: Any = self.authenticator  # type: ignore[attr-defined]
        if found.type == Authenticator.Type.TOTP and not use_up(found):
            raise get_adapter().validation_error("incorrect_code")
        return code


class OnceAuthenticateForm(_Once, AuthenticateForm):
    """At sign-in."""


class OnceReauthenticateForm(_Once, ReauthenticateForm):
    """Before what needs a recent sign-in."""
