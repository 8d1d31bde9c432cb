"""Checks certificates again, weeks and years after they were signed: what they say must still be so."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import rfc8785
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from consent import checkpoints, ledger, receipts, verify_receipt
from consent.models import Gate, LedgerLeaf, Opening
from consent.receipts import Receipt
from consent.verify_receipt import Shown
from portal.audit import trail
from portal.audit.models import Act
from portal.audit.values import SYSTEM, Action
from portal.events import rewrite
from portal.outbox import actions as outbox
from portal.people.holders import holders
from portal.people.roles import Role
from portal.rights.models import SubjectRequest
from portal.vault import keys

AGAIN_AFTER = timedelta(days=7)
AT_ONCE = 100
TEMPLATE = "certificate_fails"
ERASURE = b"erasure"
PENDING = "pending"


def check_due(*, everything: bool = False) -> tuple[int, list[tuple[SubjectRequest, list[str]]]]:
    """Check those that were not checked for a week, the longest ago first; return how many hold, and what fails."""
    certified = SubjectRequest.objects.filter(sealed_certificate__isnull=False)
    long_ago = Q(certificate_checked_at=None) | Q(certificate_checked_at__lte=timezone.now() - AGAIN_AFTER)
    due = certified.order_by(F("certificate_checked_at").asc(nulls_first=True), "pk")
    chosen = list(due if everything else due.filter(long_ago)[:AT_ONCE])
    if chosen:
        # What no checkpoint covers yet is looked at again next time.
        with suppress(OSError):
            ledger.settle_and_sign()
    checked = [(each, wrong) for each in chosen if PENDING not in (wrong := faults(each))]
    failing = [(each, wrong) for each, wrong in checked if wrong]
    holding = [each.pk for each, wrong in checked if not wrong]
    SubjectRequest.objects.filter(pk__in=holding).update(certificate_checked_at=Now())
    for each, wrong in failing:
        _tell(each, wrong)
    return len(holding), failing


def faults(request: SubjectRequest) -> list[str]:
    """Return, coded, whatever of a certificate does not hold any more."""
    try:
        document = request.certificate
    except keys.KeyGone:
        # The account went since, with what opens this; the certificate of that erasure is with the person.
        return []
    if document is None:
        return []
    return [code for code, holds in _questions(request, document) if not holds]


def _questions(request: SubjectRequest, document: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    body = document["certificate"]
    signed = rfc8785.dumps(body)
    yield "signature", _is_signed(document, signed)
    issued = receipts.issue_many(_entries(request))
    yield PENDING, None not in issued.values()
    yield "leaf", any(_is_about(each, hashlib.sha256(signed).hexdigest()) for each in issued.values() if each)
    yield "keys", body["keys"]["destroyed_epoch"] not in keys.epochs(request.subject_id)
    if _fenced(request):
        yield "data", rewrite.residue(request.subject_id, request.wanted, request.asked_ms) == 0


def _is_signed(document: dict[str, Any], signed: bytes) -> bool:
    known = {each.to_text(): each for each in checkpoints.verifiers()}
    verifier = known.get(document["key"])
    return verifier is not None and verifier.accepts(signed, base64.b64decode(document["signature"]))


def _is_about(receipt: Receipt, sha256: str) -> bool:
    """Lead an entry to the newest checkpoint, as anybody could, and see whether it commits to this certificate."""
    found = verify_receipt.verify(receipt.text, [each.to_text() for each in checkpoints.verifiers()])
    return isinstance(found, Shown) and found.record["certificate_sha256"] == sha256


def _entries(request: SubjectRequest) -> list[int]:
    mine = Opening.objects.filter(subject_id=request.subject_id).values("leaf_idx")
    leaves = LedgerLeaf.objects.filter(idx__in=mine).values_list("idx", "entry")
    return [idx for idx, entry in leaves if bytes(entry).split(b"\n")[1] == ERASURE]


def _fenced(request: SubjectRequest) -> bool:
    """Whether its fence still stands: afterwards, older data may come in anew under a later answer."""
    row = Gate.objects.filter(pk=request.subject_id).first()
    return row is not None and any(each["key"] == str(request.pk) for each in row.fences)


def failed_at(request: SubjectRequest) -> datetime | None:
    """Return when a certificate was last found not to hold, unless it held at a check since."""
    found = Act.objects.for_subject(request.subject_id).filter(action=Action.CERTIFICATE_FAILS)
    last = found.filter(case=str(request.lead.pk)).newest_first().values_list("at", flat=True).first()
    held = request.lead.certificate_checked_at
    return last if last and not (held and held > last) else None


@transaction.atomic
def _tell(request: SubjectRequest, wrong: list[str]) -> None:
    """Write it down and tell legal, once a day; it stays unchecked until it holds."""
    once = f"{TEMPLATE}:{request.pk}:{timezone.localdate()}"
    trail.record(
        Action.CERTIFICATE_FAILS,
        actor=SYSTEM,
        subject_id=request.subject_id,
        case=str(request.pk),
        facts={"wrong": wrong},
        once=once,
    )
    for each in holders(Role.LEGAL):
        outbox.post(TEMPLATE, to=each, facts={"request": str(request.pk)}, once=f"{once}:{each}")
