"""allauth's questions, answered: who may sign up, how second factors are kept, what scopes there are."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest

from portal.people.tokens import SCOPES
from portal.vault import serverkey


class AccountAdapter(DefaultAccountAdapter):
    """Accounts come from the directory."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def can_delete_email(self, email_address: EmailAddress) -> bool:
        """The address is the directory's to change."""
        return False


class SealedMFAAdapter(DefaultMFAAdapter):
    """TOTP secrets and the seed of recovery codes lie in the database sealed under a key that does not."""

    def encrypt(self, text: str) -> str:
        return serverkey.seal_secret(text)

    def decrypt(self, encrypted_text: str) -> str:
        return serverkey.open_secret(encrypted_text)


class OIDCAdapter(DefaultOIDCAdapter):
    """Names our scopes on the consent page and in the discovery document."""

    scope_display = {**DefaultOIDCAdapter.scope_display, **SCOPES}

    def populate_server_metadata(self, data: dict[str, str | list[str]]) -> None:
        listed = data.get("scopes_supported", [])
        data["scopes_supported"] = [*listed, *SCOPES] if isinstance(listed, list) else [*SCOPES]
