"""allauth's questions, answered: who may sign up, how second factors are kept, what scopes there are."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.idp.oidc.adapter import DefaultOIDCAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from consent import asking
from consent.models import Decision
from portal.people.models import Employee
from portal.people.tokens import SCOPES
from portal.vault import serverkey

OVERVIEW = "/"


class AccountAdapter(DefaultAccountAdapter):
    """Accounts come from the directory."""

    is_first = False

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def login(self, request: HttpRequest, user: Employee) -> None:
        """Remember whether somebody is here for the first time: signing in writes the time over it."""
        self.is_first = user.last_login is None
        super().login(request, user)

    def post_login(self, request: HttpRequest, user: Employee, **about: Any) -> HttpResponse:
        """Lead a new employee whom something concerns to where it is said and asked, unless they were going elsewhere.

        Only the answer to the sign-in does so: the overview stays the overview for everybody.
        """
        response = super().post_login(request, user, **about)
        if self.is_first and response.headers.get("Location") == OVERVIEW and _is_asked(user):
            return HttpResponseRedirect(reverse("welcome"))
        return response

    def can_delete_email(self, email_address: EmailAddress) -> bool:
        """The address is the directory's to change."""
        return False


def _is_asked(user: Employee) -> bool:
    return not Decision.objects.for_subject(user.pk).exists() and bool(asking.questions(user.pk))


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
