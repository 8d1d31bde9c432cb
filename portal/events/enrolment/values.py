"""Words of enrolment: how a collector stands, whose device it is on, and what a device says of itself."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

WRITER = "collector:"
LONGEST_NAME = 60

# Why nothing that this one installation sends is kept, whatever is permitted of its source.
DEVICE_PAUSED = "device_paused"
DEVICE_WAITING = "device_waiting"
DEVICE_ENDED = "device_ended"
PERSONAL_DEVICE = "personal_device"


class State(TextChoices):
    """`waiting` is one that was installed for somebody who has not answered yet."""

    WAITING = "waiting", _("waits for your answer")
    ACTIVE = "active", _("may send")
    PAUSED = "paused", _("paused by you")
    ENDED = "ended", _("removed")


class Ownership(TextChoices):
    COMPANY = "company", _("the company's")
    PERSONAL = "personal", _("your own")


class How(TextChoices):
    """How a collector joined."""

    CODE = "code", _("with a code that you confirmed")
    FILE = "file", _("installed by your company")


@dataclass(frozen=True)
class Said:
    """What a collector says of where it runs."""

    device: str
    account: str = ""
    system: str = ""
    ownership: str = Ownership.COMPANY


def bar(state: str, ownership: str, agreed: bool) -> str:
    """Return why nothing of a collector is kept, empty if nothing about its device stands against it."""
    if state == State.ACTIVE:
        return PERSONAL_DEVICE if ownership == Ownership.PERSONAL and not agreed else ""
    return {State.PAUSED: DEVICE_PAUSED, State.WAITING: DEVICE_WAITING}.get(State(state), DEVICE_ENDED)
