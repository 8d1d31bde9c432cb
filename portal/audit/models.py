"""The trail: acts that can be added and read, and nothing else."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.utils import timezone

from consent.guards import OnlyGrowsModel, OnlyGrowsQuerySet
from portal.audit.values import LOOKS, SENTENCES, Action


class ActQuerySet(OnlyGrowsQuerySet):
    """Reads of the trail."""

    def for_subject(self, subject_id: UUID) -> ActQuerySet:
        return self.filter(subject_id=subject_id)

    def looks(self) -> ActQuerySet:
        """What the person sees under "who looked": accesses, own views of single records, refused reads."""
        return self.filter(action__in=LOOKS)

    def newest_first(self) -> ActQuerySet:
        return self.order_by("-at", "-pk")


class Act(OnlyGrowsModel):
    """Somebody did something. No foreign key: the trail outlives whom it names and never blocks an erasure.

    `facts` hold nothing that must be erased: no event values, no app names, no words a person wrote.
    """

    at = models.DateTimeField(default=timezone.now)
    action = models.CharField(max_length=40)
    actor_kind = models.CharField(max_length=8)
    actor_id = models.CharField(max_length=64)
    actor_role = models.CharField(max_length=80, blank=True)
    actor_label = models.CharField(max_length=200, blank=True)
    subject_id = models.UUIDField(null=True)
    purpose = models.CharField(max_length=64, blank=True)
    case = models.CharField(max_length=64, blank=True)
    facts = models.JSONField(default=dict)
    leaf_idx = models.BigIntegerField(null=True, unique=True)
    once = models.CharField(max_length=200, null=True, unique=True)

    objects = ActQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["subject_id", "-at"], name="act_of_subject")]

    def __str__(self) -> str:
        return f"{self.action} by {self.actor_kind} {self.actor_id}"

    @property
    def sentence(self) -> str:
        return str(SENTENCES[Action(self.action)])

    @property
    def is_own(self) -> bool:
        return self.subject_id is not None and self.actor_id == str(self.subject_id)
