"""Where recipients of the register are reached, what only they can look up, and the link by which they confirm."""

from __future__ import annotations

import base64
import hmac
from uuid import UUID

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.urls import reverse
from django.utils import translation

from portal.outbox.ports import Addressee
from portal.register.models import Controller, Recipient
from portal.rights.redress.models import Told
from portal.vault import serverkey

TOKEN_CHARS = 32
MARK_CHARS = 16


class Contacts:
    """outbox.ports.Recipients: the address stands in the register, the link and the mark nowhere."""

    def find(self, key: str, about: str) -> Addressee | None:
        told = Told.objects.filter(pk=UUID(about), recipient_key=key).first()
        recipient = Recipient.objects.filter(pk=key).first()
        if told is None or recipient is None or not is_address(recipient.contact):
            return None
        controller = Controller.objects.first()
        language = settings.LANGUAGE_CODE
        with translation.override(language):
            what = str(told.get_what_display())
        said = {
            "link": settings.ORIGIN + reverse("told", args=[told.pk, token(told)]),
            "mark": mark(told.recipient_key, told.subject_id),
            "what": what,
            "company": controller.name if controller else "",
            "contact": controller.contact if controller else "",
        }
        return Addressee(recipient.contact, language, said)


def is_address(contact: str) -> bool:
    try:
        validate_email(contact)
    except ValidationError:
        return False
    return True


def mark(recipient_key: str, subject_id: UUID) -> str:
    """Return under which mark a recipient has a person's records: another one for each recipient, without a name.

    Nobody can try who it may be, and two recipients cannot tell that they hold the same person's.
    """
    digest = serverkey.hmac(f"recipient|{recipient_key}|{subject_id}".encode())
    return base64.b32encode(digest).decode()[:MARK_CHARS]


def token(told: Told) -> str:
    """Return what the link in the mail holds; it is worked out each time and written down nowhere."""
    digest = serverkey.hmac(f"told|{told.pk}|{told.recipient_key}".encode())
    return base64.b32encode(digest).decode()[:TOKEN_CHARS].lower()


def is_token(told: Told, text: str) -> bool:
    return hmac.compare_digest(token(told).encode(), text.encode())
