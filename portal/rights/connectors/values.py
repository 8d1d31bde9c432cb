"""How far another system is with a request, and what asking it came to: no database."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from portal.rights.values import NeedsSomebody

FOLDER = "connected"
FIRST_WAIT_SECONDS = 5
LONGEST_WAIT_SECONDS = 600
POLL_SECONDS = 60
LONGEST_SLEEP_SECONDS = 300


class TaskState(TextChoices):
    """What is known of another system's answer; only `done` and `nothing` are answers."""

    WAITING = "waiting", _("Not asked yet")
    SENT = "sent", _("Asked")
    UNKNOWN = "unknown", _("Asked, no answer yet")
    FAILED = "failed", _("Did not answer")
    DONE = "done", _("Done")
    NOTHING = "nothing", _("Had nothing")
    CANCELLED = "cancelled", _("Taken back")


ANSWERED = (TaskState.DONE, TaskState.NOTHING)
SETTLED = (*ANSWERED, TaskState.CANCELLED)


@dataclass(frozen=True)
class Found:
    """A file of an answer, for the copy."""

    name: str
    content: bytes
    records: int


@dataclass(frozen=True)
class Outcome:
    """What asking came to. `again` asks under a new number: the old one is of no use any more."""

    state: TaskState
    reason: str = ""
    wait_seconds: float = POLL_SECONDS
    files: list[Found] = field(default_factory=list)
    again: bool = False


@dataclass(frozen=True)
class Person:
    """How another system knows somebody."""

    subject_id: str
    employee_number: str
    email: str


class NoAnswer(Exception):
    """Nobody knows whether it did what was asked; the text says why, and holds nothing of anybody's data."""


class StoreFailed(NeedsSomebody):
    """Another system has not answered for long: somebody has to look at once."""
