"""How consent seals its openings: under the person's evidence key."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from consent.ports import CannotOpen
from portal.vault import keys
from portal.vault.cipher import Damaged, WrongKey


class EvidenceSealer:
    """consent.ports.Sealer."""

    def warm(self, subject_ids: Collection[UUID]) -> None:
        keys.warm_evidence(subject_ids)

    def seal(self, subject_id: UUID, data: bytes, aad: bytes) -> bytes:
        return keys.seal_evidence(subject_id, data, aad)

    def open(self, subject_id: UUID, blob: bytes, aad: bytes) -> bytes:
        try:
            return keys.open_evidence(subject_id, blob, aad)
        except (Damaged, WrongKey, keys.KeyGone) as error:
            raise CannotOpen from error
