"""Makes codes and sends them: each try makes a new one, so that none is ever stored, and only the last one opens."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from smtplib import SMTPException
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models.functions import Now
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation

from portal.audit import trail
from portal.audit.values import SYSTEM, Action
from portal.people.models import Employee
from portal.rights import codes
from portal.rights.leaving import box
from portal.rights.leaving.models import AccessCode, Channel
from portal.rights.leaving.values import FIRST_PAUSE, Address, Way

log = logging.getLogger(__name__)
AWAY = (SMTPException, OSError)


def send_due() -> int:
    """Send whatever waits; return how many went. Two workers never send the same one at once."""
    waiting = AccessCode.objects.to_send().order_by("tries").values_list("pk", flat=True)
    return sum(_send(pk) for pk in list(waiting))


def _send(pk: UUID) -> bool:
    code = codes.new()
    subject_id = _prepare(pk, code)
    if subject_id is None:
        return False
    employee = Employee.objects.get(pk=subject_id)
    try:
        _hand_over(Channel.objects.get(pk=subject_id).address, code, employee)
    except AWAY as error:
        log.warning("access code %s was not sent: %s", pk, type(error).__name__)
        return False
    with transaction.atomic():
        AccessCode.objects.filter(pk=pk, digest=codes.digest(code)).update(wanted=False, sent_on=timezone.localdate())
        trail.record(Action.LEAVING_CODE_SENT, actor=SYSTEM, subject_id=subject_id)
    return True


@transaction.atomic
def _prepare(pk: UUID, code: str) -> UUID | None:
    """Store what the new code opens before it is sent; a worker that dies in between has another one try."""
    row = AccessCode.objects.to_send().select_for_update(skip_locked=True).filter(pk=pk).first()
    if row is None or not Channel.objects.filter(pk=row.subject_id).exists():
        return None
    row.digest, row.tries = codes.digest(code), row.tries + 1
    row.public, row.wrapped = box.make(code)
    row.save(update_fields=["digest", "tries", "public", "wrapped"])
    AccessCode.objects.filter(pk=pk).update(wake_at=Now() + FIRST_PAUSE * 2**row.tries)
    return row.subject_id


def _hand_over(address: Address, code: str, employee: Employee) -> None:
    with translation.override(employee.language):
        shown = {"code": code, "page": settings.ORIGIN.rstrip("/") + reverse("leavers"), "letter": address.where}
        if address.way == Way.EMAIL:
            subject = render_to_string("email/access_code.subject.txt", shown).strip()
            body = render_to_string("email/access_code.txt", shown)
            EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [address.where]).send()
        else:
            _write_letter(render_to_string("leaving/letter.txt", shown))


def _write_letter(text: str) -> None:
    """Lay a letter where the printing service fetches it: outside the databases, for the service's eyes alone."""
    folder = Path(settings.LETTERS_DIR)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = folder / f"{codes.tidy(codes.new())}.txt"
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
