"""Words and pure rules of leaving: the channels, what is handed over, when an account ends."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, timedelta

from django.conf import settings
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

MOST_TRIES = 5
FIRST_PAUSE = timedelta(minutes=1)
# How long somebody who left has at least, whatever day was noted, before their account goes by itself.
LEAST_DAYS = 30
# What a person is given to keep before everything else of theirs goes.
RECEIPTS, CERTIFICATE = "receipts.zip", "certificate.json"
KEPT = {RECEIPTS: "application/zip", CERTIFICATE: "application/json"}


class Way(TextChoices):
    """How an access code reaches somebody who has left."""

    EMAIL = "email", _("by e-mail to a private address")
    LETTER = "letter", _("by letter to a private address")


@dataclass(frozen=True)
class Address:
    """Where somebody wants to be reached after leaving."""

    way: Way
    where: str

    def to_bytes(self) -> bytes:
        return json.dumps({"way": self.way, "where": self.where}, ensure_ascii=False).encode()

    @classmethod
    def from_bytes(cls, raw: bytes) -> Address:
        found = json.loads(raw)
        return cls(Way(found["way"]), found["where"])


def account_ends(left_on: date) -> date:
    """Return on which day the account of somebody who left is erased by itself."""
    return left_on + timedelta(days=settings.LEAVER_ACCOUNT_DAYS)


def account_ends_once_known(left_on: date, today: date) -> date:
    """Return the same for a day that became known only today: a date written too far back erases nothing at once."""
    return max(account_ends(left_on), today + timedelta(days=min(LEAST_DAYS, settings.LEAVER_ACCOUNT_DAYS)))


def code_ends(erase_on: date) -> date:
    """Return until when a code opens what there is: beyond the account, for what is kept of it."""
    return erase_on + timedelta(days=settings.LEAVER_KEEPSAKE_DAYS)
