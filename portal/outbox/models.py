"""Mails and webhooks to be sent: the rows are the queue, and an address is looked up when it is written to."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Now

from portal.outbox.values import CALL_LEASE, LEASE, MOST_ATTEMPTS, MOST_UNCLEAR, Course, Off, State, Told


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


class EndpointQuerySet(models.QuerySet["Endpoint"]):
    """Reads, named as adjectives."""

    def on(self) -> EndpointQuerySet:
        return self.filter(off="")


class Endpoint(models.Model):
    """Where a program of the company wants to be told; it may hear only of what that program may read."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    url = models.CharField(max_length=2048)
    client_id = models.CharField(max_length=100)
    events = models.JSONField(default=list)
    sealed_secret = models.TextField()
    # While a secret is being changed the one before signs too.
    sealed_earlier = models.TextField(blank=True)
    earlier_until = models.DateTimeField(null=True)
    off = models.CharField(max_length=16, choices=Off.choices, blank=True)
    off_at = models.DateTimeField(null=True)
    made_at = models.DateTimeField(db_default=Now())
    taken_at = models.DateTimeField(null=True)
    # Calls in a row that got no answer at all, and until when it is left alone for that.
    silences = models.PositiveSmallIntegerField(default=0)
    rests_until = models.DateTimeField(null=True)

    objects = EndpointQuerySet.as_manager()

    class Meta:
        ordering = ["made_at"]

    def __str__(self) -> str:
        return f"endpoint {self.pk}"


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    """Reads, named as adjectives; times are the database's."""

    def waiting(self) -> DeliveryQuerySet:
        return self.filter(state=Course.WAITING)

    def being_called(self) -> DeliveryQuerySet:
        return self.waiting().filter(lease_until__gte=Now())

    def due(self) -> DeliveryQuerySet:
        """Return the first of each endpoint that is on, not resting and not being called: one call at a time each."""
        rested = Q(endpoint__rests_until=None) | Q(endpoint__rests_until__lte=Now())
        awake = Q(wake_at=None) | Q(wake_at__lte=Now())
        busy = Delivery.objects.being_called().filter(endpoint=OuterRef("endpoint"))
        found = self.waiting().filter(awake, rested, ~Exists(busy), endpoint__off="")
        return found.order_by("endpoint_id", "told_at", "pk").distinct("endpoint_id")

    def claim(self, delivery: Delivery) -> bool:
        """Take the lease in one UPDATE; each claim is a try, whether or not anybody learns how it ended."""
        free = self.waiting().filter(Q(lease_until=None) | Q(lease_until__lt=Now()))
        taken = {"lease_until": Now() + CALL_LEASE, "attempt": F("attempt") + 1, "tries": F("tries") + 1}
        return bool(free.filter(pk=delivery.pk, attempt=delivery.attempt).update(**taken))

    def held(self, delivery: Delivery) -> DeliveryQuerySet:
        """Return the row only while this is the newest try: every later write goes through here."""
        return self.waiting().filter(pk=delivery.pk, attempt=delivery.attempt)

    def told_before(self, age: timedelta) -> DeliveryQuerySet:
        return self.filter(told_at__lt=Now() - age)


class Delivery(models.Model):
    """One thing that happened, to be told to one endpoint. `data` are ids; several endpoints share the event's id."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    endpoint = models.ForeignKey(Endpoint, on_delete=models.CASCADE, related_name="deliveries")
    event_id = models.CharField(max_length=40)
    kind = models.CharField(max_length=32, choices=Told.choices)
    data = models.JSONField(default=dict)
    subject_id = models.UUIDField(null=True, db_index=True)
    once = models.CharField(max_length=200, null=True)
    told_at = models.DateTimeField(db_default=Now())
    state = models.CharField(max_length=16, choices=Course.choices, default=Course.WAITING)
    # Since it was put in or replayed; `attempt` only grows and fences the worker that has it.
    tries = models.PositiveSmallIntegerField(default=0)
    attempt = models.PositiveIntegerField(default=0)
    wake_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        ordering = ["-told_at", "pk"]
        indexes = [models.Index(fields=["state", "wake_at"], name="outbox_delivery_due")]
        constraints = [models.UniqueConstraint(fields=["endpoint", "once"], name="outbox_told_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"


class Attempt(models.Model):
    """How one call ended: the status that came back, or why none did."""

    delivery = models.ForeignKey(Delivery, on_delete=models.CASCADE, related_name="attempts")
    at = models.DateTimeField(db_default=Now())
    status = models.PositiveSmallIntegerField(null=True)
    reason = models.CharField(max_length=40, blank=True)
    ms = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-at", "-pk"]

    def __str__(self) -> str:
        return f"{self.status or self.reason} for {self.delivery_id}"
