"""What is processed and why it may be: the record of Art. 30, from which the notices of Art. 13 and 14 are written."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.register.values import Kind, State, StoreKind


class SourceQuerySet(models.QuerySet["Source"]):
    """Reads over sources."""

    def live(self) -> SourceQuerySet:
        return self.filter(state=State.LIVE)

    def ever_live(self) -> SourceQuerySet:
        return self.filter(live_since__isnull=False)


class Source(models.Model):
    """A system that collects."""

    key = models.SlugField(primary_key=True, max_length=64)
    title = models.CharField(max_length=200)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    description = models.TextField()
    owner = models.CharField(max_length=200)
    state = models.CharField(max_length=16, choices=State.choices, default=State.DRAFT)
    blocked_apps = models.JSONField(default=list)
    # Only these apps are kept, all others are dropped at the door; null where none are named.
    allowed_apps = models.JSONField(null=True)
    # How titles and addresses are cut before anything is sealed, and as which version of these rules.
    redaction = models.JSONField(default=dict)
    # Web origins whose pages may run the collector of this source.
    origins = models.JSONField(default=list)
    earlier_recordings = models.TextField(blank=True)
    live_since = models.DateTimeField(null=True)

    objects = SourceQuerySet.as_manager()

    def __str__(self) -> str:
        return self.title


class DoorRules(models.Model):
    """What stood at the door of a source as of a version: its lists of apps, and how titles and addresses are cut.

    Kept for good: the day of a person names the version by which it was taken.
    """

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="door_rules")
    version = models.PositiveIntegerField()
    rules = models.JSONField(default=dict)
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "version"], name="one_door_a_version")]

    def __str__(self) -> str:
        return f"{self.source_id}: version {self.version}"


class FlowQuerySet(models.QuerySet["Flow"]):
    """Reads over flows."""

    def live(self) -> FlowQuerySet:
        return self.filter(state=State.LIVE, source__state=State.LIVE)

    def live_for(self, source_key: str) -> FlowQuerySet:
        return self.live().filter(source=source_key)


class Flow(models.Model):
    """That a source collects a category for a purpose, and how."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="flows")
    category = models.CharField(max_length=32)
    purpose_key = models.SlugField(max_length=64)
    state = models.CharField(max_length=16, choices=State.choices, default=State.DRAFT)
    off_hours = models.BooleanField(default=False)
    exact_timing = models.BooleanField(default=False)
    content_apps = models.JSONField(default=list)
    why = models.TextField()

    objects = FlowQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "category", "purpose_key"], name="one_flow_a_purpose"),
            models.CheckConstraint(
                condition=~Q(category="keystroke_content") | ~Q(content_apps=[]),
                name="typed_text_names_its_apps",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.source_id}: {self.category} for {self.purpose_key}"


class PurposeRecord(models.Model):
    """What Art. 13, 14 and 30 ask of a purpose beyond what `consent` needs in order to decide.

    `recipients` is null until somebody has said who receives the data; an empty list says that nobody does.
    `jurisdictions` are those of the people it concerns, everybody where empty. `must_acknowledge` says that nothing at
    all is collected from them before they confirmed to have been told.
    """

    purpose_key = models.SlugField(max_length=64, unique=True)
    refusal_has_consequence = models.BooleanField(null=True)
    legitimate_interest = models.TextField(blank=True)
    law = models.TextField(blank=True)
    obligatory = models.TextField(blank=True)
    automated_decisions = models.TextField(blank=True)
    people = models.CharField(max_length=200, default="employees")
    recipients = models.JSONField(null=True)
    notices = models.JSONField(default=dict)
    jurisdictions = models.JSONField(default=list)
    must_acknowledge = models.BooleanField(default=False)
    expires = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.purpose_key


class Recipient(models.Model):
    """Somebody who receives the data, by name (Art. 13(1)(e), 15(1)(c), 30(1)(d))."""

    key = models.SlugField(primary_key=True, max_length=64)
    name = models.CharField(max_length=200)
    receives = models.TextField()
    contact = models.CharField(max_length=200, blank=True)
    country = models.CharField(max_length=2)
    safeguard = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.name


class Processor(models.Model):
    """Somebody who processes on the controller's behalf (Art. 28)."""

    key = models.SlugField(primary_key=True, max_length=64)
    name = models.CharField(max_length=200)
    service = models.TextField()
    contact = models.CharField(max_length=200, blank=True)
    country = models.CharField(max_length=2)
    safeguard = models.TextField(blank=True)
    contract_dated = models.DateField()

    def __str__(self) -> str:
        return self.name


class Store(models.Model):
    """Another system of the company that holds a person's data; `how` it is asked names secrets and holds none.

    It is asked by requests for everything; `purposes` are those for which alone it holds anything, so that a request
    about these covers it as well.
    """

    key = models.SlugField(primary_key=True, max_length=64)
    title = models.CharField(max_length=200)
    holds = models.TextField()
    owner = models.CharField(max_length=200)
    asked_for = models.JSONField(default=list)
    purposes = models.JSONField(default=list)
    kind = models.CharField(max_length=16, choices=StoreKind.choices)
    how = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.title


class Retention(models.Model):
    """How long a category is kept for a purpose."""

    purpose_key = models.SlugField(max_length=64)
    category = models.CharField(max_length=32)
    days = models.PositiveIntegerField()
    why = models.TextField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["purpose_key", "category"], name="one_period_a_category"),
            models.CheckConstraint(condition=Q(days__gt=0), name="a_period_has_days"),
        ]

    def __str__(self) -> str:
        return f"{self.category} for {self.purpose_key}: {self.days} days"


class Assessment(models.Model):
    """The impact assessment of a source, with the workers' views (Art. 35)."""

    source = models.OneToOneField(Source, on_delete=models.PROTECT, related_name="assessment")
    title = models.CharField(max_length=200)
    dated = models.DateField()
    by = models.CharField(max_length=200)
    summary = models.TextField()
    workers_views = models.TextField()
    workers_asked = models.DateField()

    def __str__(self) -> str:
        return self.title


class WorksAgreement(models.Model):
    """What the workers' representatives agreed for a source; it supplements a basis and never replaces it (Art. 88).

    It holds in one country, or in every one where `country` is empty.
    """

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="works_agreements")
    country = models.CharField(max_length=2, blank=True, default="")
    reference = models.CharField(max_length=200)
    clause = models.CharField(max_length=200)
    parties = models.CharField(max_length=400)
    dated = models.DateField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source", "country"], name="one_agreement_a_country")]

    def __str__(self) -> str:
        return f"{self.reference}, {self.clause}"


class Controller(models.Model):
    """Who answers for it all: one row.

    Where `agreement_required`, a source is active only where a works agreement is: in `agreement_countries`, or in
    every country where that is empty.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    name = models.CharField(max_length=200)
    address = models.TextField()
    contact = models.CharField(max_length=200)
    representative = models.CharField(max_length=400, blank=True)
    dpo_name = models.CharField(max_length=200)
    dpo_contact = models.CharField(max_length=200)
    authority = models.CharField(max_length=400)
    security = models.JSONField(default=list)
    council_approves = models.BooleanField(default=True)
    agreement_required = models.BooleanField(default=True)
    agreement_countries = models.JSONField(default=list)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="one_controller")]

    def __str__(self) -> str:
        return self.name


class PolicyDraftQuerySet(models.QuerySet["PolicyDraft"]):
    """Reads over drafts."""

    def pending(self) -> PolicyDraftQuerySet:
        return self.filter(approved_at__isnull=True, superseded_at__isnull=True).order_by("pk")


class PolicyDraft(models.Model):
    """A policy file as it was applied; nothing of it counts before its approval."""

    document = models.JSONField()
    sha256 = models.CharField(max_length=64)
    drafted_by = models.UUIDField()
    drafted_by_label = models.CharField(max_length=200)
    drafted_at = models.DateTimeField(default=timezone.now)
    approved_at = models.DateTimeField(null=True)
    superseded_at = models.DateTimeField(null=True)

    objects = PolicyDraftQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["sha256"],
                condition=Q(approved_at__isnull=True, superseded_at__isnull=True),
                name="one_draft_of_a_text",
            )
        ]

    def __str__(self) -> str:
        return f"policy draft {self.pk}"


class Approval(models.Model):
    """Who said yes to a draft, and in which role."""

    draft = models.ForeignKey(PolicyDraft, on_delete=models.PROTECT, related_name="approvals")
    role = models.CharField(max_length=16)
    by = models.UUIDField()
    by_label = models.CharField(max_length=200)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["draft", "role"], name="one_approval_a_role"),
            models.UniqueConstraint(fields=["draft", "by"], name="two_roles_are_two_people"),
        ]

    def __str__(self) -> str:
        return f"{self.role} approved draft {self.draft_id}"
