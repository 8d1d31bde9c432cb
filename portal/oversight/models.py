"""What was shown of answers, and who was counted in it: never who said what."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.utils import timezone

from portal.oversight.disclosure import Cell, Group


class Count(models.Model):
    """One count of the answers to a purpose: up to which decision, and on which day."""

    purpose_key = models.SlugField(max_length=64)
    number = models.PositiveIntegerField()
    last_leaf = models.BigIntegerField()
    day = models.DateField(default=timezone.localdate)

    class Meta:
        ordering = ["purpose_key", "number"]
        constraints = [models.UniqueConstraint(fields=["purpose_key", "number"], name="one_count_a_number")]

    def __str__(self) -> str:
        return f"{self.purpose_key} {self.number}"

    @property
    def groups(self) -> frozenset[Group]:
        return frozenset(self.rates.values_list("dimension", "name"))


class RateQuerySet(models.QuerySet["Rate"]):
    """Reads over what was shown."""

    def newest_of(self, purpose_keys: list[str]) -> RateQuerySet:
        """Return the last rates of each group, from whichever count they are."""
        found = self.filter(count__purpose_key__in=purpose_keys).select_related("count")
        which = ("count__purpose_key", "dimension", "name")
        return found.order_by(*which, "-count__number").distinct(*which)


class Rate(models.Model):
    """How a group answered, in tens of percent; kept as it was shown until enough has changed."""

    count = models.ForeignKey(Count, on_delete=models.CASCADE, related_name="rates")
    dimension = models.CharField(max_length=16)
    name = models.CharField(max_length=200, blank=True)
    yes = models.PositiveSmallIntegerField()
    no = models.PositiveSmallIntegerField()
    none = models.PositiveSmallIntegerField()

    objects = RateQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["count", "dimension", "name"], name="one_rate_a_group")]

    def __str__(self) -> str:
        return f"{self.dimension} {self.name}"


class Seat(models.Model):
    """In which groups a person was in the last count of a purpose, so that a later one can tell who came or moved."""

    purpose_key = models.SlugField(max_length=64)
    subject_id = models.UUIDField(db_index=True)
    department = models.CharField(max_length=200, blank=True)
    country = models.CharField(max_length=2)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["purpose_key", "subject_id"], name="one_seat_a_person")]

    def __str__(self) -> str:
        return f"{self.purpose_key}: {self.subject_id}"

    @classmethod
    def cells(cls, purpose_key: str) -> dict[UUID, Cell]:
        found = cls.objects.filter(purpose_key=purpose_key)
        return {each.subject_id: Cell(each.department, each.country) for each in found}
