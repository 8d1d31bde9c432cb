"""Mails to be sent: the row is the queue, and the address is looked up when it is sent."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from portal.outbox.values import LEASE, MOST_ATTEMPTS, MOST_UNCLEAR, State


class MailQuerySet(models.QuerySet["Mail"]):
    """Reads, named as adjectives; times are the database's."""

    def due(self) -> MailQuerySet:
        return self.filter(Q(wake_at=None) | Q(wake_at__lte=Now()), state=State.WAITING)

    def unclaimed(self) -> MailQuerySet:
        return self.due().filter(Q(lease_until=None) | Q(lease_until__lt=Now()))

    def being_sent(self) -> MailQuerySet:
        return self.filter(state=State.WAITING, lease_until__gte=Now())

    def spent(self) -> MailQuerySet:
        """Return those that nobody may send again: tried too often, or perhaps sent twice."""
        left = self.filter(state=State.WAITING).filter(Q(lease_until=None) | Q(lease_until__lt=Now()))
        died = Q(unclear=MOST_UNCLEAR - 1, lease_until__isnull=False)
        return left.filter(Q(attempts__gte=MOST_ATTEMPTS) | Q(unclear__gte=MOST_UNCLEAR) | died)

    def stuck(self) -> MailQuerySet:
        return self.filter(state=State.NEEDS_ATTENTION)

    def settled_for(self, age: timedelta) -> MailQuerySet:
        return self.exclude(state=State.WAITING).filter(posted_at__lt=Now() - age)

    def claim(self, mail: Mail) -> bool:
        """Take the lease in one UPDATE; a lease that nobody gave back is a try of which nobody knows the end."""
        died = mail.lease_until is not None
        return bool(
            self.unclaimed()
            .filter(pk=mail.pk, attempts=mail.attempts)
            .update(
                lease_until=Now() + LEASE,
                attempts=F("attempts") + 1,
                unclear=F("unclear") + int(died),
            )
        )

    def held(self, mail: Mail) -> MailQuerySet:
        """Return the row only while this is the newest try: every later write goes through here."""
        return self.filter(pk=mail.pk, attempts=mail.attempts, state=State.WAITING)


class Mail(models.Model):
    """One mail to one person, or to a recipient of the register.

    `facts` are ids, keys and public texts: nothing that has to be erased.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject_id = models.UUIDField(null=True, db_index=True)
    # The key of a recipient, and what it is told of: the address stands in the register alone.
    recipient = models.CharField(max_length=64, blank=True)
    about = models.CharField(max_length=64, blank=True)
    template = models.CharField(max_length=64)
    facts = models.JSONField(default=dict)
    once = models.CharField(max_length=200, null=True, unique=True)
    state = models.CharField(max_length=16, choices=State.choices, default=State.WAITING)
    posted_at = models.DateTimeField(db_default=Now())
    sent_at = models.DateTimeField(null=True)
    wake_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    unclear = models.PositiveSmallIntegerField(default=0)
    reason = models.CharField(max_length=200, blank=True)

    objects = MailQuerySet.as_manager()

    class Meta:
        ordering = ["posted_at"]
        indexes = [models.Index(fields=["state", "wake_at"], name="outbox_mail_due")]

    def __str__(self) -> str:
        return f"{self.template} {self.pk}"
