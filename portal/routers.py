"""Which database a model lives in: the keyring apart from everything else."""

from __future__ import annotations

from typing import Any

from django.db.models import Model

KEYS_APP = "vault"


class KeysRouter:
    """`vault` lives in `keys`, so that no backup of the data holds a key (design: the vault)."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str:
        return "keys" if model._meta.app_label == KEYS_APP else "default"

    db_for_write = db_for_read

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool:
        # `_meta` and not `type()`: allauth hands in lazy objects.
        return (one._meta.app_label == KEYS_APP) == (other._meta.app_label == KEYS_APP)

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:
        return (app_label == KEYS_APP) == (db == "keys")
