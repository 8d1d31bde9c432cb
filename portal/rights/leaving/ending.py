"""The certificate of an account that was erased: it counts nothing, since nothing is left to count with."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import rfc8785
from django.conf import settings
from django.utils.translation import gettext as _

from consent import checkpoints, leaf
from portal.rights.certificate import FORMAT
from portal.rights.models import SubjectRequest
from portal.rights.values import StepFailed

KIND = "account"


@dataclass(frozen=True)
class Signed:
    """A certificate, and the digest that its leaf commits to."""

    document: dict[str, Any]
    sha256: str


def signed(request: SubjectRequest, epochs: tuple[int, int], now: datetime) -> Signed:
    signer = checkpoints.signer()
    if signer is None:
        raise StepFailed(_("The key that signs certificates cannot be read."))
    body = _body(request, epochs, now)
    raw = rfc8785.dumps(body)
    document = {
        "certificate": body,
        "signature": base64.b64encode(signer.signature(raw)).decode(),
        "key": signer.verifier().to_text(),
    }
    return Signed(document, hashlib.sha256(raw).hexdigest())


def entry_of(opened: leaf.Opened) -> dict[str, Any]:
    """Return what opens the certificate's leaf, since nothing else does."""
    return {"record": opened.record, "salt": base64.b64encode(opened.salt).decode()}


def _body(request: SubjectRequest, epochs: tuple[int, int], now: datetime) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "request": str(request.pk),
        "subject_id": str(request.subject_id),
        "kind": KIND,
        "ground": request.ground or "unspecified",
        "scope": {},
        "received": leaf.stamp(request.received),
        "asked": leaf.stamp(request.opened_at),
        "issued": leaf.stamp(now),
        "origin": settings.LEDGER_ORIGIN,
        "erased": {"account": True, "evidence_key": True, "data_keys": True},
        "kept": [{"what": str(text), "why": "legal_obligation"} for text in _kept()],
        "stores_read": [{"store": store, "found": 0} for store in ("tables", "objects", "keys")],
        "keys": {"destroyed_epoch": epochs[0], "current_epoch": epochs[1], "renewed": request.renewed},
        "not_covered": _not_covered(now),
    }


def _kept() -> list[str]:
    return [
        _("The entries of the log: commitments that say nothing without what opened them, which is destroyed"),
        _("That there were requests, when, and how they ended, under a random number that names nobody any more"),
    ]


def _not_covered(now: datetime) -> list[dict[str, str]]:
    memory = now + timedelta(seconds=settings.KEY_CACHE_SECONDS)
    rows = {
        _("Keys that running programs still hold in memory"): memory.astimezone(UTC).isoformat(timespec="seconds"),
        _("Copies of the databases from before, until the company overwrites them: they hold name and address"): "",
        _("Copies, receipts and certificates that were handed out"): "",
    }
    return [{"what": what, "lapses": lapses} for what, lapses in rows.items()]
