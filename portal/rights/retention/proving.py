"""The certificate of a month: what went because its time was over, signed, and one leaf of the ledger a person.

One a month, not one a night: the ledger can never shrink. Nothing is certified before its nights' keys were renewed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import rfc8785
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from consent import checkpoints, leaf, ledger
from consent.note import Signer
from portal.rights.retention.models import Month, Run
from portal.vault import keys

FORMAT = "daylight/retention/v1"
KIND = "retention"
MOST = 2000
# Behind UTC no zone is further than this: a month is over everywhere, and its last night was gone through.
OVER = timedelta(days=2)


def issue_due() -> int:
    """Certify months that are over; return how many."""
    signer = checkpoints.signer()
    if signer is None or ledger.closed():
        return 0
    issued = 0
    for pk in _waiting().order_by("month", "pk").values_list("pk", flat=True)[:MOST]:
        # Of somebody who was forgotten meanwhile there is no key to seal it under.
        with suppress(keys.KeyGone), transaction.atomic():
            issued += _issue(pk, signer)
    return issued


def _waiting() -> QuerySet[Month]:
    busy = Run.objects.filter(Q(state=Run.State.RUNNING) | ~Q(waiting_since=None), subject_id=OuterRef("subject_id"))
    this = f"{timezone.now() - OVER:%Y-%m}"
    return Month.objects.filter(month__lt=this, sealed_certificate=None).exclude(Exists(busy))


def _issue(pk: int, signer: Signer) -> bool:
    month = Month.objects.select_for_update().filter(pk=pk, sealed_certificate=None).first()
    if month is None:
        return False
    body = _body(month)
    signed = rfc8785.dumps(body)
    document = {
        "certificate": body,
        "signature": base64.b64encode(signer.signature(signed)).decode(),
        "key": signer.verifier().to_text(),
    }
    month.sealed_certificate = keys.seal_evidence(month.subject_id, json.dumps(document).encode(), month.bound)
    month.save(update_fields=["sealed_certificate"])
    record = {
        "at": body["issued"],
        "certificate_sha256": hashlib.sha256(signed).hexdigest(),
        "kind": KIND,
        "subject_id": str(month.subject_id),
    }
    ledger.append("erasure", month.subject_id, record)
    return True


def _body(month: Month) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "subject_id": str(month.subject_id),
        "month": month.month,
        "issued": leaf.stamp(timezone.now()),
        "origin": settings.LEDGER_ORIGIN,
        "nights": [{name: run[name] for name in ("on", "at", "went", "days", "held")} for run in month.runs],
    }


def of(subject_id: UUID) -> list[dict[str, Any]]:
    """Return a person's certificates as they were signed, newest first."""
    found = Month.objects.for_subject(subject_id).exclude(sealed_certificate=None)
    opened = (keys.open_evidence(subject_id, bytes(each.sealed_certificate), each.bound) for each in found)
    return [json.loads(each) for each in opened]
