"""The words of OpenDSR 2.0: what can be asked, where it stands, and what an error looks like. No database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from portal.rights.values import Kind, State

VERSION = "2.0"
SIGNATURE, DOMAIN = "X-OpenDSR-Signature", "X-OpenDSR-Processor-Domain"
OLD_SIGNATURE, OLD_DOMAIN = "X-OpenGDPR-Signature", "X-OpenGDPR-Processor-Domain"


class Status(TextChoices):
    """Where a request stands, as OpenDSR says it."""

    PENDING = "pending", _("pending")
    IN_PROGRESS = "in_progress", _("in progress")
    COMPLETED = "completed", _("completed")
    CANCELLED = "cancelled", _("cancelled")


# `needs_attention` is not done, so it is said to be under way.
STATUS: dict[str, Status] = {
    State.RECEIVED: Status.PENDING,
    State.ACKNOWLEDGED: Status.PENDING,
    State.IN_REVIEW: Status.PENDING,
    State.AWAITING_SUBJECT: Status.PENDING,
    State.ON_HOLD: Status.PENDING,
    State.EXTENDED: Status.IN_PROGRESS,
    State.PROCESSING: Status.IN_PROGRESS,
    State.READY: Status.IN_PROGRESS,
    State.NEEDS_ATTENTION: Status.IN_PROGRESS,
    State.WITHDRAWN: Status.CANCELLED,
    State.REFUSED: Status.CANCELLED,
    State.DELIVERED: Status.COMPLETED,
    State.PARTIALLY_FULFILLED: Status.COMPLETED,
    State.EXPIRED: Status.COMPLETED,
}
# How others write the same.
ALSO = {"in-progress": Status.IN_PROGRESS, "canceled": Status.CANCELLED}

# A correction needs to say what is wrong, for which OpenDSR has no field.
TYPES: dict[str, Kind] = {
    "access": Kind.ACCESS,
    "portability": Kind.PORTABILITY,
    "erasure": Kind.ERASURE,
}


class IdentityType(TextChoices):
    """How a person may be named here."""

    EMAIL = "email"
    NUMBER = "controller_customer_id"


class IdentityFormat(TextChoices):
    """MD5 and SHA-1 are left out: two texts can be made that have the same, and whoever hashes can use SHA-256."""

    RAW = "raw"
    SHA256 = "sha256"


class CallbackState(TextChoices):
    """How far the telling of one change is."""

    WAITING = "waiting", _("Waiting")
    SENT = "sent", _("Sent")
    FAILED = "failed", _("Given up")


@dataclass
class Wrong(Exception):
    """An answer that is an error. Neither the message nor `errors` may hold anything of an identity."""

    status: int
    message: str
    errors: Sequence[tuple[str, str]] = ()

    def body(self) -> dict[str, Any]:
        details = [
            {"domain": "Request", "reason": reason, "message": message}
            for reason, message in (self.errors or [("refused", self.message)])
        ]
        return {"error": {"code": self.status, "message": self.message, "errors": details}}
