"""Requests, their steps and the archives that answer them; the request's row is the queue of record."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.db import connection, models, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.functional import Promise, cached_property

from consent.models import Gate
from consent.values import Scope, milliseconds
from portal.planned import planned
from portal.rights.values import (
    ACCOUNT,
    CLOSED_STATES,
    COPIES,
    STEP_LABELS,
    UNDECIDED_STATES,
    Fenced,
    Format,
    Kind,
    OpenedBy,
    State,
    StepState,
)
from portal.vault import keys

if TYPE_CHECKING:
    from portal.people.models import Employee

INTERNAL_TARGET = timedelta(days=28)
# What nobody but the person put in; what follows from an answer among these tells what the answer was.
OWN = (OpenedBy.SELF, OpenedBy.SYSTEM)
# Deletions on which somebody has to do something.
WANTS_SOMEBODY = (State.IN_REVIEW, State.NEEDS_ATTENTION)


class SubjectRequestQuerySet(models.QuerySet["SubjectRequest"]):
    """Reads, named as adjectives; times are the database's."""

    def for_subject(self, subject_id: UUID) -> SubjectRequestQuerySet:
        return self.filter(subject_id=subject_id)

    def visible_to(self, user: Employee) -> SubjectRequestQuerySet:
        """Return the person's own, or everybody's for those who handle requests."""
        if user.has_perm("requests.handle"):
            return self.all()
        return self.for_subject(user.pk)

    def for_staff(self) -> SubjectRequestQuerySet:
        """Leave out what is private (`is_private` says it of one row)."""
        follows = ~Q(purpose_key="") | Q(scope__has_key="purposes")
        return self.exclude(follows, ~Q(state__in=WANTS_SOMEBODY), kind=Kind.ERASURE, opened_by__in=OWN)

    def open(self) -> SubjectRequestQuerySet:
        return self.exclude(state__in=CLOSED_STATES)

    def undecided(self) -> SubjectRequestQuerySet:
        return self.filter(state__in=UNDECIDED_STATES)

    def objections(self) -> SubjectRequestQuerySet:
        return self.filter(kind=Kind.OBJECTION)

    def put_off(self) -> SubjectRequestQuerySet:
        """Return deletions that the person wants later, whose time has not come."""
        return self.filter(kind=Kind.ERASURE, state=State.PROCESSING, not_before__gt=timezone.now())

    def overdue(self) -> SubjectRequestQuerySet:
        return self.open().filter(due__lt=timezone.localdate())

    def due(self) -> SubjectRequestQuerySet:
        """Return those a worker may go on with now, claimed or not; what was joined to another has no work."""
        return self.filter(Q(wake_at=None) | Q(wake_at__lte=Now()), state=State.PROCESSING, joined_to=None)

    def unclaimed(self) -> SubjectRequestQuerySet:
        return self.due().filter(Q(lease_until=None) | Q(lease_until__lt=Now()))

    def awaiting_renewal(self) -> SubjectRequestQuerySet:
        return self.filter(state=State.PROCESSING, renewed="").exclude(waiting_since=None)

    def held(self, request: SubjectRequest) -> SubjectRequestQuerySet:
        """Return the row only while this worker's token is the newest: every later write goes through here."""
        return self.filter(pk=request.pk, attempt=request.attempt, state=State.PROCESSING)


# A worker that freezes inside a transaction must not hold the row longer than its lease.
HOLD = """
    SELECT set_config('idle_in_transaction_session_timeout', %s, true) FROM rights_subjectrequest
     WHERE id = %s AND attempt = %s AND state = 'processing' FOR UPDATE
"""
PROGRESS = """
    SELECT coalesce(sum(CASE state WHEN 'done' THEN greatest(total, 1) ELSE done END), 0),
           coalesce(sum(greatest(total, 1)), 0)
      FROM rights_steprun WHERE request_id = %s
"""

# When the same was asked for last.
ASKED_AGAIN = "SELECT max(opened_at) FROM rights_subjectrequest WHERE joined_to_id = %s AND scope = %s::jsonb"

RUNS = """
    SELECT id, request_id, position, name, state, cursor, done, total
      FROM rights_steprun WHERE request_id = %s ORDER BY position
"""


class SubjectRequest(models.Model):
    """One thing that a person asked for, and the lease of the worker that does it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    subject_id = models.UUIDField(db_index=True)
    state = models.CharField(max_length=24, choices=State.choices, default=State.RECEIVED)
    format = models.CharField(max_length=8, choices=Format.choices, default=Format.CSV)
    scope = models.JSONField(default=dict)
    # An erasure of the account itself: the data, and then every trace that names the person.
    account = models.BooleanField(default=False)
    ground = models.CharField(max_length=40, blank=True)
    # Which purpose it follows from: a yes taken back or lapsed, an objection, the end of the purpose.
    purpose_key = models.CharField(max_length=64, blank=True)
    note = models.TextField(blank=True)
    channel = models.CharField(max_length=80, blank=True)
    representative = models.CharField(max_length=200, blank=True)

    opened_by = models.CharField(max_length=8, choices=OpenedBy.choices, default=OpenedBy.SELF)
    opener_id = models.CharField(max_length=120)
    decided_by = models.CharField(max_length=120, blank=True)
    idempotency_key = models.CharField(max_length=255, blank=True)
    body_digest = models.CharField(max_length=64, blank=True)

    received = models.DateTimeField()
    opened_at = models.DateTimeField(auto_now_add=True)
    due = models.DateField(db_index=True)
    # A refusal's date is never extended (Art. 12(4)), so the first date stays.
    first_due = models.DateField()
    rule = models.CharField(max_length=40)
    # Which holidays counted, and of which version of the data: so that the date can be found again.
    calendar = models.CharField(max_length=40, blank=True)
    calendar_version = models.CharField(max_length=24, blank=True)
    # Days of waiting for the person that do not count, where the rule has such days.
    stopped_days = models.PositiveSmallIntegerField(default=0)
    explanation = models.TextField()
    reason_code = models.CharField(max_length=40, blank=True)
    reason = models.TextField(blank=True)
    # A refusal that a client proposed, until a person signs it off.
    proposed_refusal = models.CharField(max_length=40, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    not_before = models.DateTimeField(null=True, blank=True)
    wake_at = models.DateTimeField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempt = models.PositiveIntegerField(default=0)
    failures = models.PositiveSmallIntegerField(default=0)
    waiting_since = models.DateTimeField(null=True, blank=True)
    renewed = models.CharField(max_length=64, blank=True)
    # Counts of a person's events lie in no clear column: what was counted and what was certified is sealed.
    sealed_tally = models.BinaryField(null=True)
    sealed_certificate = models.BinaryField(null=True)
    # What the person wrote beyond the scope: what is wrong and what is right, what a complaint is about.
    sealed_details = models.BinaryField(null=True)
    # The same was asked before and is still open: that one answers both.
    joined_to = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="joined")
    certificate_checked_at = models.DateTimeField(null=True, blank=True)
    # No column: why nothing may be worked at, as the worker that has it read it with the row.
    closed_reason = ""

    objects = SubjectRequestQuerySet.as_manager()

    class Meta:
        ordering = ["-received", "-opened_at"]
        indexes = [models.Index(fields=["state", "wake_at"], name="rights_request_due")]
        constraints = [
            models.UniqueConstraint(
                fields=["opener_id", "idempotency_key"],
                condition=~Q(idempotency_key=""),
                name="rights_one_request_per_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"

    @property
    def wanted(self) -> Scope:
        return Scope.from_json(self.scope)

    @property
    def about(self) -> frozenset[str]:
        """Return the purposes it follows from; the last release kept no more than the scope."""
        return frozenset({self.purpose_key}) if self.purpose_key else self.wanted.purposes or frozenset()

    @property
    def tells_an_answer(self) -> bool:
        """Return whether the purposes it is about say how the person answered them.

        An objection names those that stood, also where whoever sent it in had named none.
        """
        return bool(self.about) and (self.opened_by in OWN or self.kind == Kind.OBJECTION)

    @property
    def is_private(self) -> bool:
        """Return whether it is a deletion that follows from an answer, and that nobody has to do anything about."""
        return self.tells_an_answer and self.kind == Kind.ERASURE and self.state not in WANTS_SOMEBODY

    @property
    def plan_name(self) -> str:
        """Return the name of the plan that answers it (plans.PLANS)."""
        return ACCOUNT if self.account else self.kind

    @property
    def known_subject(self) -> UUID | None:
        """Return whose it is, for what is written down about it: nobody's once the account was forgotten."""
        return self.subject_id if not self.account or Gate.objects.filter(pk=self.subject_id).exists() else None

    @property
    def is_copy(self) -> bool:
        return self.kind in COPIES

    @property
    def needs_decision(self) -> bool:
        return self.state in UNDECIDED_STATES

    @property
    def is_open(self) -> bool:
        return self.state not in CLOSED_STATES

    @property
    def is_overdue(self) -> bool:
        return self.is_open and self.due < timezone.localdate()

    @property
    def target(self) -> date:
        """The date we aim at ourselves, shown beside the legal one."""
        return (self.received + INTERNAL_TARGET).date()

    @property
    def lead(self) -> SubjectRequest:
        """Return the request that answers this one: itself, or the one it was joined to."""
        return self.joined_to or self

    @property
    def asked_ms(self) -> int:
        """Return up to when data is meant: until the same was asked for last."""
        with connection.cursor() as cursor:
            cursor.execute(ASKED_AGAIN, [self.pk, json.dumps(self.scope)])
            (again,) = cursor.fetchone()
        return milliseconds(max(self.opened_at, again or self.opened_at))

    @cached_property
    def runs(self) -> list[StepRun]:
        """Return its steps in their order, read once: nobody else changes those of a request that a worker has."""
        with connection.cursor() as cursor:
            cursor.execute(RUNS, [self.pk])
            return [StepRun(*row[:5], json.loads(row[5]), *row[6:]) for row in cursor.fetchall()]

    @property
    def progress(self) -> tuple[int, int]:
        """Return how many parts of the work are done, and how many there are."""
        runs = list(self.lead.steps.all())
        total = sum(max(run.total, 1) for run in runs)
        done = sum(max(run.total, 1) if run.state == StepState.DONE else run.done for run in runs)
        return done, total

    def progress_alone(self) -> tuple[int, int]:
        """Return the same where nobody else needs the steps, so that they are added up where they lie."""
        ((done, total),) = planned("daylight_progress", ("uuid",), PROGRESS, [self.joined_to_id or self.pk])
        return done, total

    @property
    def current_step(self) -> StepRun | None:
        return next((run for run in self.lead.steps.all() if run.state != StepState.DONE), None)

    @property
    def is_begun(self) -> bool:
        """Return whether it is an erasure whose fence stands: there is no way back from it."""
        return self.kind == Kind.ERASURE and self.steps.filter(name="fence", state=StepState.DONE).exists()

    @property
    def can_cancel(self) -> bool:
        """Return whether nothing irreversible has begun: an erasure until its fence stands, its own or its lead's.

        What nobody asked for, nobody takes back: the data would stay without a purpose.
        """
        if self.opened_by == OpenedBy.SYSTEM:
            return False
        return self.is_open and not self.lead.is_begun

    @property
    def has_certificate(self) -> bool:
        return self.lead.sealed_certificate is not None

    @property
    def certificate(self) -> dict[str, Any] | None:
        """Return certificate.json as it was signed, or None while there is none."""
        return self._opened(self.sealed_certificate, "certificate") if self.joined_to is None else self.lead.certificate

    @property
    def details(self) -> dict[str, Any]:
        """Return what the person wrote, empty where there is nothing beyond the scope."""
        return self._opened(self.sealed_details, "details") or {}

    @property
    def tally(self) -> dict[str, Any] | None:
        return self._opened(self.sealed_tally, "tally")

    def sealed(self, what: str, value: dict[str, Any]) -> bytes:
        body = json.dumps(value, ensure_ascii=False, sort_keys=True).encode()
        return keys.seal_evidence(self.subject_id, body, self._bound(what))

    def _opened(self, blob: bytes | memoryview | None, what: str) -> dict[str, Any] | None:
        if blob is None:
            return None
        return json.loads(keys.open_evidence(self.subject_id, bytes(blob), self._bound(what)))

    def _bound(self, what: str) -> bytes:
        return f"request|{self.pk}|{what}".encode()

    @contextmanager
    def fenced(self) -> Iterator[None]:
        """Run a transaction that holds the row and that only the newest token may make; raises Fenced."""
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(HOLD, [f"{settings.REQUEST_LEASE_SECONDS}s", self.pk, self.attempt])
                if cursor.fetchone() is None:
                    raise Fenced
            yield


class StepRun(models.Model):
    """One step of a request: where it is, so that any worker goes on from there."""

    request = models.ForeignKey(SubjectRequest, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=40)
    state = models.CharField(max_length=8, choices=StepState.choices, default=StepState.PENDING)
    cursor = models.JSONField(default=dict)
    # Parts of the work (days, files), for the progress bar.
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position"]
        constraints = [models.UniqueConstraint(fields=["request", "name"], name="rights_one_run_per_step")]

    def __str__(self) -> str:
        return f"{self.name} of {self.request_id}"

    @property
    def label(self) -> str | Promise:
        return STEP_LABELS.get(self.name, self.name)


class Bundle(models.Model):
    """The archive that answers a copy: sealed parts in the vault, under one key that goes when it expires."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.OneToOneField(SubjectRequest, on_delete=models.CASCADE, related_name="bundle")
    subject_id = models.UUIDField(db_index=True)
    epoch = models.PositiveIntegerField()
    made_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    downloads = models.PositiveSmallIntegerField(default=0)
    # The table of contents: names, digests, sizes and counts, sealed under the bundle's own key.
    sealed_index = models.BinaryField(null=True)

    def __str__(self) -> str:
        return f"bundle {self.pk}"

    @property
    def prefix(self) -> str:
        return f"bundles/{self.pk}/"

    @property
    def key_name(self) -> str:
        return str(self.pk)


class BundlePart(models.Model):
    """A sealed piece of one file of an archive, in the order in which the pieces follow each other."""

    bundle = models.ForeignKey(Bundle, on_delete=models.CASCADE, related_name="parts")
    path = models.CharField(max_length=120)
    seq = models.PositiveIntegerField()
    object_name = models.CharField(max_length=200)

    class Meta:
        ordering = ["path", "seq"]
        constraints = [models.UniqueConstraint(fields=["bundle", "path", "seq"], name="rights_one_part_per_place")]

    def __str__(self) -> str:
        return self.object_name
