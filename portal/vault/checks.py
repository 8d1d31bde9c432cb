"""What `manage.py check --deploy --tag vault` asks about a vault on S3; `make run` asks it before it starts."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable
from urllib.parse import urlsplit

from django.core.checks import CheckMessage, Error, Warning
from django.core.files.storage import storages

from portal.vault.objects import Unanswered

TAG = "vault"
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@runtime_checkable
class Versioned(Protocol):
    """A storage whose bucket may keep what is deleted."""

    bucket_name: str
    endpoint_url: str | None

    def versioning(self) -> str: ...


def check_vault(app_configs: Any, **how: Any) -> list[CheckMessage]:
    vault = storages["vault"]
    if not isinstance(vault, Versioned):
        return []
    return [*_transport(vault), *_versions(vault)]


def _transport(vault: Versioned) -> list[CheckMessage]:
    address = urlsplit(vault.endpoint_url or "https://")
    if address.scheme == "https" or address.hostname in LOOPBACK:
        return []
    said = "The vault is reached without TLS: whoever listens sees whose objects come and go, and the credentials' use."
    return [Warning(said, hint="Give VAULT_S3_ENDPOINT an https address.", id="vault.W001")]


def _versions(vault: Versioned) -> list[CheckMessage]:
    try:
        state = vault.versioning()
    except (Unanswered, FileNotFoundError) as error:
        said = f"Whether the vault's bucket keeps old versions could not be asked: {error}"
        return [Warning(said, hint="Allow s3:GetBucketVersioning, and see that the bucket is there.", id="vault.W002")]
    if not state:
        return []
    said = f"The bucket {vault.bucket_name} keeps versions ({state}): what is erased would stay there, sealed."
    hint = "Give Daylight a bucket on which versioning was never switched on: see docs/deploy.md, The vault on S3."
    return [Error(said, hint=hint, id="vault.E001")]
