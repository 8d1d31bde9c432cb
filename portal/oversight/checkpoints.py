"""Hands the ledger's signed head to those who watch it: what they hold, nobody can rewrite."""

from __future__ import annotations

from datetime import UTC
from uuid import UUID

from django.utils import timezone

from consent.models import Checkpoint
from consent.note import Head
from portal.outbox import actions as outbox
from portal.outbox.models import Mail
from portal.outbox.values import Facts
from portal.people.holders import holders
from portal.people.roles import Role

KEEPERS = (Role.COUNCIL, Role.LEGAL)
TEMPLATE = "checkpoint"


def mail_newest() -> int:
    """Post the newest checkpoint to each of its keepers, once a day and once a size; return how many were posted."""
    newest = Checkpoint.objects.order_by("-size").first()
    if newest is None:
        return 0
    facts: Facts = {"note": newest.note, "size": newest.size}
    # The origin too: a log that had to be begun anew counts from nothing.
    which = f"{TEMPLATE}:{Head.from_text(newest.note).origin}:{newest.size}"
    posted = [
        outbox.post(TEMPLATE, to=keeper, facts=facts, once=f"{which}:{keeper}")
        for keeper in holders(*KEEPERS)
        if not _had_one_today(keeper)
    ]
    return sum(mail is not None for mail in posted)


def _had_one_today(keeper: UUID) -> bool:
    today = timezone.now().astimezone(UTC).date()
    return Mail.objects.filter(subject_id=keeper, template=TEMPLATE, posted_at__date=today).exists()
