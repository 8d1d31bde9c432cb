"""Devices and the collectors on them; what they are called is sealed under the person's evidence key."""

from __future__ import annotations

import hashlib
from uuid import UUID, uuid4

import msgspec
from django.db import models
from django.utils import timezone
from msgspec import Struct

from portal.events.enrolment.values import WRITER, How, Ownership, State
from portal.vault import cipher, keys


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


class Called(Struct, frozen=True):
    """What a device is called by its person, what it calls itself, and its system."""

    name: str
    said: str
    system: str = ""


class DeviceQuerySet(models.QuerySet["Device"]):
    """Reads over devices."""

    def for_subject(self, subject_id: UUID) -> DeviceQuerySet:
        return self.filter(subject_id=subject_id)


class Device(models.Model):
    """A machine as one person uses it: two who share it have a row each.

    `agreed` is the person's own yes to be collected from on a device of theirs; `country` is empty where it is the
    person's own.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    subject_id = models.UUIDField(db_index=True)
    ownership = models.CharField(max_length=8, choices=Ownership.choices, default=Ownership.COMPANY)
    agreed = models.BooleanField(default=False)
    country = models.CharField(max_length=16, blank=True)
    sealed = models.BinaryField()

    objects = DeviceQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.pk)

    def seal(self, called: Called) -> None:
        self.sealed = keys.seal_evidence(self.subject_id, msgspec.json.encode(called), self._bound())

    def opened(self) -> Called:
        sealed = keys.open_evidence(self.subject_id, bytes(self.sealed), self._bound())
        return msgspec.json.decode(sealed, type=Called)

    def _bound(self) -> bytes:
        return cipher.aad("device", self.subject_id, self.pk)


class CollectorQuerySet(models.QuerySet["Collector"]):
    """Reads over collectors."""

    def for_subject(self, subject_id: UUID) -> CollectorQuerySet:
        return self.filter(subject_id=subject_id)

    def running(self) -> CollectorQuerySet:
        return self.exclude(state=State.ENDED)

    def to_fetch(self, code: str) -> CollectorQuerySet:
        return self.running().filter(code=digest(code), fetch_until__gt=timezone.now())


class Collector(models.Model):
    """One enrolled installation of a source, on one device, for one person and one account of its system.

    An ended one stays, so that what it sent can still be said to come from it.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    subject_id = models.UUIDField(db_index=True)
    source = models.CharField(max_length=64)
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="collectors")
    state = models.CharField(max_length=8, choices=State.choices, default=State.ACTIVE)
    how = models.CharField(max_length=8, choices=How.choices, default=How.CODE)
    joined = models.DateField(default=timezone.localdate)
    ended = models.DateField(null=True)
    # The digest of the code by which its token is fetched, once and not after `fetch_until`.
    code = models.CharField(max_length=64, null=True, unique=True)
    fetch_until = models.DateTimeField(null=True)
    sealed = models.BinaryField()

    objects = CollectorQuerySet.as_manager()

    def __str__(self) -> str:
        return self.writer

    @property
    def writer(self) -> str:
        return f"{WRITER}{self.pk}"

    def seal(self, account: str) -> None:
        self.sealed = keys.seal_evidence(self.subject_id, account.encode(), self._bound())

    def account(self) -> str:
        return keys.open_evidence(self.subject_id, bytes(self.sealed), self._bound()).decode()

    def _bound(self) -> bytes:
        return cipher.aad("collector", self.subject_id, self.pk)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Reads over invitations."""

    def open(self) -> InvitationQuerySet:
        return self.filter(left__gt=0, until__gt=timezone.now())


class Invitation(models.Model):
    """What an enrolment file lets its person's devices do: join, `left` times, before it runs out.

    The code itself stands in the file alone.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    subject_id = models.UUIDField(db_index=True)
    source = models.CharField(max_length=64)
    code = models.CharField(max_length=64, unique=True)
    left = models.PositiveSmallIntegerField(default=1)
    until = models.DateTimeField()

    objects = InvitationQuerySet.as_manager()

    def __str__(self) -> str:
        return str(self.pk)
