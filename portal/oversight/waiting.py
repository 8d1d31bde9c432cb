"""Tells those who approve that a draft waits for them."""

from __future__ import annotations

from portal.outbox import actions as outbox
from portal.people.holders import holders
from portal.people.roles import Role
from portal.register.models import PolicyDraft

TEMPLATE = "draft_waits"
APPROVERS = (Role.LEGAL, Role.COUNCIL)


def tell() -> int:
    """Write to each approver once a draft, save to who drafted it; return how many mails were posted."""
    posted = [
        outbox.post(TEMPLATE, to=approver, facts={"draft": draft.pk}, once=f"{TEMPLATE}:{draft.pk}:{approver}")
        for draft in PolicyDraft.objects.pending()
        for approver in holders(*APPROVERS)
        if approver != draft.drafted_by
    ]
    return sum(mail is not None for mail in posted)
