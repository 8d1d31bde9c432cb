"""Purposes, notices, decisions, the gate row of a person, and the tables of the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connections, models
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from consent import leaf, terms
from consent.guards import OnlyGrowsModel, OnlyGrowsQuerySet
from consent.values import Basis, DecisionKind, Grant

ONLY_ROW = 1


class PurposeQuerySet(models.QuerySet):
    def live(self) -> PurposeQuerySet:
        return self.filter(state=Purpose.State.LIVE)

    def hold(self, key: str) -> None:
        """Keep a purpose from being retired until the caller's transaction ends; others may hold it too."""
        with connections[self.db].cursor() as cursor:
            cursor.execute("SELECT 1 FROM consent_purpose WHERE key = %s FOR SHARE", [key])


class Purpose(models.Model):
    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        LIVE = "live", _("live")
        RETIRED = "retired", _("retired")

    key = models.SlugField(max_length=64, primary_key=True)
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    basis = models.CharField(max_length=32, choices=Basis.choices)
    refusal_consequence = models.TextField(blank=True)
    alternative = models.TextField(blank=True)
    categories = models.JSONField(default=list)
    state = models.CharField(max_length=16, choices=State.choices, default=State.DRAFT)
    retired_at = models.DateTimeField(null=True)
    asked_again_at = models.DateTimeField(null=True)

    objects = PurposeQuerySet.as_manager()

    class Meta:
        ordering = ("key",)

    def __str__(self) -> str:
        return self.title

    @property
    def on_consent(self) -> bool:
        return self.basis == Basis.CONSENT


class Notice(models.Model):
    purpose = models.ForeignKey(Purpose, on_delete=models.PROTECT, related_name="notices")
    language = models.CharField(max_length=16)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("purpose", "language"), name="one_notice_a_language"),)

    def __str__(self) -> str:
        return f"{self.purpose_id} ({self.language})"


class NoticeVersionQuerySet(OnlyGrowsQuerySet):
    def comparable(self) -> NoticeVersionQuerySet:
        """Read along what `compared` needs of versions without terms: one query for all, not one each."""
        later = NoticeVersion.objects.filter(notice=models.OuterRef("notice"), version__gt=models.OuterRef("version"))
        first = later.exclude(terms={}).order_by("version").values("terms")[:1]
        return self.annotate(first_terms=models.Subquery(first))

    def valid(self, at: datetime | None = None) -> NoticeVersionQuerySet:
        return self.filter(valid_from__lte=at or timezone.now())

    def in_force(self, purpose_key: str, language: str = "en") -> NoticeVersion | None:
        """Return the newest valid version in this language or, where there is none, in English or any other."""
        return self.in_force_of([purpose_key], language).get(purpose_key)

    def in_force_of(self, purpose_keys: Iterable[str], language: str = "en") -> dict[str, NoticeVersion]:
        """Return the version in force of each purpose that has one."""
        found = self.valid().comparable().filter(notice__purpose_id__in=list(purpose_keys)).select_related("notice")
        ranked = found.annotate(
            rank=models.Case(
                models.When(notice__language=language, then=0),
                models.When(notice__language="en", then=1),
                default=2,
                output_field=models.IntegerField(),
            )
        )
        first = ("notice__purpose_id", "rank", "notice__language", "-version")
        return {each.notice.purpose_id: each for each in ranked.order_by(*first).distinct("notice__purpose_id")}


class NoticeVersion(OnlyGrowsModel):
    """`covers` is {source: [category]}: what saying yes to this text permits; `terms` is all it says, for machines.

    The text ends with the digest of its terms, so that its own hash binds both.
    """

    notice = models.ForeignKey(Notice, on_delete=models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField()
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    valid_from = models.DateTimeField()
    covers = models.JSONField(default=dict)
    terms = models.JSONField(default=dict)

    objects = NoticeVersionQuerySet.as_manager()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("notice", "version"), name="one_text_a_version"),)
        ordering = ("notice", "version")

    def __str__(self) -> str:
        return f"{self.notice} v{self.version}"

    @cached_property
    def compared(self) -> terms.Terms:
        """What two versions are compared by; without terms, what it covers and what the first version with terms says.

        That one was written from the same register: who answered before is asked about all that was added since.
        """
        if self.terms:
            return self.terms
        if "first_terms" not in self.__dict__:
            self.first_terms = NoticeVersion.objects.comparable().values_list("first_terms", flat=True).get(pk=self.pk)
        return {**(self.first_terms or {}), **terms.from_covers(self.covers)}

    def differs_from(self, grant: Grant) -> bool:
        """Return whether this asks for something else than was answered, so that the person must be asked."""
        return {source: frozenset(named) for source, named in self.covers.items()} != grant.covers


class DecisionQuerySet(OnlyGrowsQuerySet):
    def for_subject(self, subject_id: UUID) -> DecisionQuerySet:
        return self.filter(subject_id=subject_id)

    def of_this_time(self) -> DecisionQuerySet:
        """Leave out what was said before its person left and came back: they are asked everything anew."""
        back = Gate.objects.filter(pk=models.OuterRef("subject_id"), returned_at__gte=models.OuterRef("at"))
        return self.exclude(models.Exists(back))

    def latest_by_purpose(self) -> DecisionQuerySet:
        return self.of_this_time().order_by("purpose_key", "-leaf_idx").distinct("purpose_key")


class Decision(OnlyGrowsModel):
    subject_id = models.UUIDField()
    purpose_key = models.CharField(max_length=64)
    notice_version = models.PositiveIntegerField()
    notice_sha256 = models.CharField(max_length=64)
    kind = models.CharField(max_length=16, choices=DecisionKind.choices)
    at = models.DateTimeField()
    path = models.CharField(max_length=64)
    leaf_idx = models.BigIntegerField(unique=True)

    objects = DecisionQuerySet.as_manager()

    class Meta:
        indexes = (models.Index(fields=("subject_id", "purpose_key", "-leaf_idx"), name="decisions_of_one"),)
        ordering = ("leaf_idx",)

    def __str__(self) -> str:
        return f"{self.purpose_key}: {self.kind}"

    @property
    def record(self) -> dict[str, str | int]:
        """What the leaf of this decision commits to."""
        return {
            "at": leaf.stamp(self.at),
            "kind": str(self.kind),
            "notice_sha256": self.notice_sha256,
            "notice_version": self.notice_version,
            "path": self.path,
            "purpose": self.purpose_key,
            "subject_id": str(self.subject_id),
        }


class Gate(models.Model):
    """One row a person: what is permitted, locked shared by ingest and exclusively by decisions."""

    subject_id = models.UUIDField(primary_key=True)
    version = models.BigIntegerField(default=1)
    key_epoch = models.PositiveIntegerField(default=1)
    active = models.BooleanField(default=True)
    # When somebody who had left came back: no answer from before stands again.
    returned_at = models.DateTimeField(null=True)
    grants = models.JSONField(default=dict)
    pauses = models.JSONField(default=list)
    restrictions = models.JSONField(default=list)
    fences = models.JSONField(default=list)
    # Local days on which nothing is collected, sealed: in clear it were a calendar of absences.
    days_off = models.BinaryField(default=b"")

    def __str__(self) -> str:
        return str(self.subject_id)


class LedgerHead(models.Model):
    """One row; who appends locks it, so that indices have no gap."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY_ROW)
    size = models.BigIntegerField(default=0)
    frontier = models.BinaryField(default=b"")

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=ONLY_ROW), name="one_ledger_head"),)

    def __str__(self) -> str:
        return str(self.size)


class LedgerState(models.Model):
    """One row; not the head, so that the journal can move on while somebody appends."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=ONLY_ROW)
    journalled = models.BigIntegerField(default=0)
    # How many bytes of the journal this database knows: what a restored one lacks stands behind them.
    journal_end = models.BigIntegerField(default=0)
    # Set by a restore until everything that the journal has was applied again.
    recovering = models.BooleanField(default=False)
    closed_reason = models.TextField(blank=True)

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=ONLY_ROW), name="one_ledger_state"),)

    def __str__(self) -> str:
        return self.closed_reason or str(self.journalled)


class LedgerLeaf(OnlyGrowsModel):
    idx = models.BigIntegerField(primary_key=True)
    entry = models.BinaryField()
    leaf_hash = models.BinaryField()

    class Meta:
        ordering = ("idx",)

    def __str__(self) -> str:
        return str(self.idx)


class LedgerNode(OnlyGrowsModel):
    """A complete subtree of 2**level leaves, kept so that a proof reads twenty rows and not a million."""

    pk = models.CompositePrimaryKey("level", "idx")
    level = models.PositiveSmallIntegerField()
    idx = models.BigIntegerField()
    hash = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.level}/{self.idx}"


class Opening(models.Model):
    """Salt and record of a leaf, sealed; without it the leaf says nothing about anybody."""

    leaf_idx = models.BigIntegerField(primary_key=True)
    subject_id = models.UUIDField(db_index=True)
    sealed = models.BinaryField()

    def __str__(self) -> str:
        return str(self.leaf_idx)


class Checkpoint(OnlyGrowsModel):
    size = models.BigIntegerField(unique=True)
    root = models.BinaryField()
    note = models.TextField()
    signed_at = models.DateTimeField()

    class Meta:
        ordering = ("size",)

    def __str__(self) -> str:
        return str(self.size)


class JournalLine(models.Model):
    """A line committed with what it tells of and not yet in the journal; deleted once it is."""

    kind = models.CharField(max_length=32)
    subject_id = models.UUIDField()
    sealed = models.BinaryField()

    def __str__(self) -> str:
        return self.kind
