"""A row per event, as one would keep them without Daylight."""

from __future__ import annotations

from django.db import models


class RivalEvent(models.Model):
    subject_id = models.UUIDField()
    day = models.DateField()
    t = models.BigIntegerField()
    type = models.CharField(max_length=16)
    source = models.CharField(max_length=64)
    app = models.TextField(null=True)
    x = models.FloatField(null=True)
    y = models.FloatField(null=True)
    button = models.IntegerField(null=True)
    delta_x = models.FloatField(null=True)
    delta_y = models.FloatField(null=True)
    code = models.TextField(null=True)
    seq = models.BigIntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["subject_id", "t"], name="rival_by_time"),
            models.Index(fields=["subject_id", "day"], name="rival_by_day"),
        ]

    def __str__(self) -> str:
        return f"{self.subject_id} {self.t}"
