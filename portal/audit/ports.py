"""What the trail lets others know: an act that was just written, in the transaction that wrote it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portal.audit.models import Act

Ear = Callable[["Act"], None]


def deaf(act: Act) -> None:
    """Hear nothing."""


@dataclass
class Installed:
    ear: Ear


installed = Installed(deaf)


def install(*, ear: Ear) -> None:
    """Hand in who hears of acts; called once, when the application starts."""
    installed.ear = ear
