"""Django's name for this part."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import register

from portal.vault.checks import TAG, check_vault


class VaultConfig(AppConfig):
    """See the map of the house in README.md."""

    name = "portal.vault"
    label = "vault"

    def ready(self) -> None:
        register(check_vault, TAG, deploy=True)
