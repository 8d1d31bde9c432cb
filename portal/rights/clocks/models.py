"""What moves a date: a question to the person, and more time taken."""

from __future__ import annotations

import json
import uuid

from django.db import models
from django.db.models import Q
from django.utils import timezone

from portal.rights.clocks.values import Question
from portal.rights.values import Extension
from portal.vault import keys


class ClarificationQuerySet(models.QuerySet["Clarification"]):
    """Reads, named as adjectives."""

    def open(self) -> ClarificationQuerySet:
        return self.filter(ended_at=None)

    def stopping(self) -> ClarificationQuerySet:
        return self.filter(stops=True)


class Clarification(models.Model):
    """A question to the person, and the answer; both are sealed under the person's evidence key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey("rights.SubjectRequest", on_delete=models.CASCADE, related_name="clarifications")
    code = models.CharField(max_length=16, choices=Question.choices)
    sealed_text = models.BinaryField()
    sealed_answer = models.BinaryField(null=True)
    # Whether the days until the answer do not count: by the rule of the place, and only where work waits for it.
    stops = models.BooleanField(default=False)
    asked_by = models.CharField(max_length=120)
    asked_at = models.DateTimeField(default=timezone.now)
    # Answered, or no longer asked because somebody decided without.
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = ClarificationQuerySet.as_manager()

    class Meta:
        ordering = ["asked_at"]
        constraints = [
            models.UniqueConstraint(fields=["request"], condition=Q(ended_at=None), name="one_question_at_a_time")
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.pk}"

    @property
    def text(self) -> str:
        return self._opened(self.sealed_text, "text")

    @property
    def answer(self) -> str:
        return self._opened(self.sealed_answer, "answer") if self.sealed_answer is not None else ""

    def sealed(self, what: str, words: str) -> bytes:
        body = json.dumps({"words": words}, ensure_ascii=False).encode()
        return keys.seal_evidence(self.request.subject_id, body, self._bound(what))

    def _opened(self, blob: bytes | memoryview, what: str) -> str:
        body = keys.open_evidence(self.request.subject_id, bytes(blob), self._bound(what))
        return str(json.loads(body)["words"])

    def _bound(self, what: str) -> bytes:
        return f"clarification|{self.pk}|{what}".encode()


class MoreTime(models.Model):
    """That the time of a request was extended, which happens once (Art. 12(3))."""

    request = models.OneToOneField("rights.SubjectRequest", on_delete=models.CASCADE, related_name="more_time")
    reason = models.CharField(max_length=40, choices=Extension.choices)
    by = models.CharField(max_length=120)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"more time for {self.request_id}"
