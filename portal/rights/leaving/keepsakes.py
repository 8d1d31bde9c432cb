"""What somebody keeps when their account goes: receipts and certificates, sealed so that only their code opens them."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from consent import checkpoints, ledger, verify_receipt
from consent.models import Opening
from portal.rights.leaving import box
from portal.rights.leaving.models import AccessCode, Keepsake
from portal.rights.leaving.values import CERTIFICATE, RECEIPTS
from portal.rights.models import SubjectRequest
from portal.rights.receipts.files import FOLDER, KEYS, SCRIPT, files_of
from portal.vault import serverkey


def pack(request: SubjectRequest) -> None:
    """Keep the person's receipts, and what was certified before, for who has the code; safe to repeat."""
    code = AccessCode.objects.for_subject(request.subject_id).first()
    if code is None or code.public is None:
        return
    ledger.settle_and_sign()
    _keep(request, code, RECEIPTS, archive(request.subject_id))


def archive(subject_id: UUID) -> bytes:
    """Return a ZIP of all receipts and certificates of a person, with the script that verifies them."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(verify_receipt.__file__, SCRIPT)
        if checkpoints.vkey_path().exists():
            packed.write(checkpoints.vkey_path(), KEYS)
        indices = list(Opening.objects.filter(subject_id=subject_id).order_by("leaf_idx").values_list("pk", flat=True))
        for path, data in files_of(subject_id, indices):
            packed.writestr(path, data)
        for each in SubjectRequest.objects.for_subject(subject_id).exclude(sealed_certificate=None):
            packed.writestr(f"{FOLDER}certificates/{each.pk}.json", _pretty(each.certificate or {}))
    return body.getvalue()


def _pretty(document: dict[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=2).encode()


def has_certificate(request: SubjectRequest) -> bool:
    return Keepsake.objects.filter(request=request, name=CERTIFICATE).exists()


def keep_certificate(request: SubjectRequest, document: dict[str, Any]) -> None:
    """Keep the certificate where the receipts are; where there is no code, for whoever hands it over."""
    receipts = Keepsake.objects.filter(request=request, name=RECEIPTS).select_related("code").first()
    _keep(request, receipts.code if receipts else None, CERTIFICATE, _pretty(document))


def _keep(request: SubjectRequest, code: AccessCode | None, name: str, data: bytes) -> None:
    sealed = box.put_in(bytes(code.public or b""), data) if code else serverkey.seal_secret(data.decode()).encode()
    ends_on = timezone.localdate() + timedelta(days=settings.LEAVER_KEEPSAKE_DAYS)
    kept = {"code": code, "sealed": sealed, "ends_on": ends_on}
    Keepsake.objects.update_or_create(request=request, name=name, defaults=kept)
    if code:
        AccessCode.objects.filter(pk=code.pk).update(ends_on=ends_on)


def opened(keepsake: Keepsake, code: str) -> bytes:
    """Return a file to who has the code; raises WrongKey."""
    wrapped = bytes(keepsake.code.wrapped or b"") if keepsake.code else b""
    return box.take_out(wrapped, code, bytes(keepsake.sealed))


def for_handing_over(request_id: UUID) -> bytes | None:
    """Return the certificate of somebody without a code."""
    found = Keepsake.objects.filter(request=request_id, name=CERTIFICATE, code=None).first()
    return serverkey.open_secret(bytes(found.sealed).decode()).encode() if found else None
