"""How far what was kept for its time is deleted for each person, what went, and the shorter periods that they chose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Q

from consent.models import Gate
from portal.rights import claiming
from portal.rights.values import Fenced
from portal.vault import keys

# Two looks at the same person at once: the second finds nothing to take.
MADE = "INSERT INTO retention_run (subject_id, state, attempt, failures, reason, wanted) \
        VALUES (%(id)s, 'idle', 0, 0, '', false) ON CONFLICT DO NOTHING"
CLAIM = claiming.statement(
    "retention_run", "subject_id", "state = 'running' OR wanted OR finished_on IS NULL OR finished_on < %(today)s"
)
EXTEND = """
    UPDATE retention_run SET lease_until = clock_timestamp() + make_interval(secs => %(seconds)s)
     WHERE subject_id = %(id)s AND attempt = %(attempt)s
"""
# A look that failed this often in a row is told to people.
MANY_FAILURES = 5


class RunQuerySet(models.QuerySet["Run"]):
    """Reads, named as adjectives; times are the database's."""

    def claim(self, subject_id: UUID, today: date, seconds: int) -> Run | None:
        """Take the lease for a day that was not gone through; return the row, None if nothing is left."""
        with connection.cursor() as cursor:
            cursor.execute(MADE, {"id": subject_id})
        return next(iter(self.raw(CLAIM, {"id": subject_id, "today": today, "seconds": seconds})), None)

    def held(self, run: Run) -> RunQuerySet:
        """Return the row only while this worker's token is the newest: every later write goes through here."""
        return self.filter(pk=run.pk, attempt=run.attempt)

    def running(self) -> RunQuerySet:
        return self.filter(state=Run.State.RUNNING)

    def switching(self, row: Gate) -> RunQuerySet:
        """Return the run that gave the person new keys and has not destroyed the old ones yet."""
        return self.running().filter(pk=row.pk, new_epoch=row.key_epoch)

    def awaiting_renewal(self) -> RunQuerySet:
        return self.exclude(waiting_since=None)

    def failing(self) -> RunQuerySet:
        return self.filter(failures__gte=MANY_FAILURES).exclude(reason="")


class Run(models.Model):
    """One row a person: the deletion that is under way or was the last, and the lease of the worker that does it.

    What is due, on which days and of how much, is sealed; so is up to which day was gone through.
    """

    class State(models.TextChoices):
        IDLE = "idle"
        RUNNING = "running"

    subject_id = models.UUIDField(primary_key=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.IDLE)
    # The last day of the person's calendar on which all that was due had gone.
    finished_on = models.DateField(null=True, db_index=True)
    # A shorter period was chosen since: look again at once.
    wanted = models.BooleanField(default=False)
    old_epoch = models.PositiveIntegerField(null=True)
    new_epoch = models.PositiveIntegerField(null=True)
    lease_until = models.DateTimeField(null=True)
    wake_at = models.DateTimeField(null=True)
    attempt = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=200, default="")
    # Deleted, and the keys of everybody not yet wrapped anew.
    waiting_since = models.DateTimeField(null=True, db_index=True)
    sealed = models.BinaryField(null=True)

    objects = RunQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.subject_id} {self.finished_on}"

    @property
    def kept(self) -> dict[str, Any]:
        """Return `done` (purpose, category, day), and `plan` while something is under way."""
        if self.sealed is None:
            return {"done": [], "plan": None}
        return json.loads(keys.open_evidence(self.subject_id, bytes(self.sealed), self._bound()))

    def seal(self, value: dict[str, Any]) -> bytes:
        return keys.seal_evidence(self.subject_id, json.dumps(value).encode(), self._bound())

    def _bound(self) -> bytes:
        return f"retention|{self.subject_id}".encode()

    @contextmanager
    def fenced(self) -> Iterator[None]:
        """Run a transaction that holds the row and that only the newest token may make; raises Fenced."""
        with transaction.atomic():
            if not Run.objects.select_for_update().held(self).exists():
                raise Fenced
            yield

    def extend(self) -> None:
        """Keep the lease for as long again."""
        with connection.cursor() as cursor:
            said = {"id": self.pk, "attempt": self.attempt, "seconds": settings.REQUEST_LEASE_SECONDS}
            cursor.execute(EXTEND, said)

    def let_go(self, **changed: Any) -> None:
        """Release the lease, with what changed; only the newest token may."""
        changed = {"lease_until": None, "wake_at": None, "failures": 0, "reason": "", **changed}
        Run.objects.held(self).update(**changed)


class MonthQuerySet(models.QuerySet["Month"]):
    """Reads, named as adjectives."""

    def for_subject(self, subject_id: UUID) -> MonthQuerySet:
        return self.filter(subject_id=subject_id)


class Month(models.Model):
    """What went of a person in the runs of one month, sealed: `runs`, each with its day and how much of what."""

    subject_id = models.UUIDField()
    month = models.CharField(max_length=7)
    sealed = models.BinaryField()
    sealed_certificate = models.BinaryField(null=True)

    objects = MonthQuerySet.as_manager()

    class Meta:
        ordering = ["-month"]
        constraints = [models.UniqueConstraint(fields=["subject_id", "month"], name="one_retention_month")]

    def __str__(self) -> str:
        return f"{self.subject_id} {self.month}"

    @property
    def runs(self) -> list[dict[str, Any]]:
        """Return the runs of the month, oldest first."""
        return json.loads(keys.open_evidence(self.subject_id, bytes(self.sealed), self.bound))["runs"]

    @classmethod
    def add(cls, subject_id: UUID, run: dict[str, Any]) -> None:
        """Write down what a run did, in the caller's transaction, which holds the person's run."""
        mine = cls.objects.for_subject(subject_id)
        found = mine.filter(month=run["on"][:7]).first() or cls(subject_id=subject_id, month=run["on"][:7])
        found.seal([*(found.runs if found.sealed else []), run])
        found.save()

    def seal(self, runs: list[dict[str, Any]]) -> None:
        body = json.dumps({"runs": runs}, sort_keys=True).encode()
        self.sealed = keys.seal_evidence(self.subject_id, body, self.bound)

    @property
    def bound(self) -> bytes:
        return f"retention-month|{self.subject_id}|{self.month}".encode()


class ShorteningQuerySet(models.QuerySet["Shortening"]):
    """Reads, named as adjectives."""

    def for_subject(self, subject_id: UUID) -> ShorteningQuerySet:
        return self.filter(subject_id=subject_id)

    def standing(self) -> ShorteningQuerySet:
        return self.filter(until=None)


class Shortening(models.Model):
    """That a person wants a category kept for fewer days than the company's notice says.

    Once taken back, it goes on holding for what was collected before `until`.
    """

    subject_id = models.UUIDField(db_index=True)
    category = models.CharField(max_length=32)
    days = models.PositiveIntegerField()
    since = models.DateField()
    until = models.DateField(null=True)

    objects = ShorteningQuerySet.as_manager()

    class Meta:
        ordering = ["since", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(days__gt=0), name="a_shortening_has_days"),
            models.UniqueConstraint(
                fields=["subject_id", "category"], condition=Q(until=None), name="one_shortening_stands"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.category}: {self.days} days"
