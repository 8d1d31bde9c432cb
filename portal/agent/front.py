"""Which app is in front, as far as this system tells."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from gettext import gettext as _
from typing import Any, Protocol

LONGEST_TITLE = 300
UNKNOWN = "unknown"
# How browsers mark a window that shall leave no trace; no system has a common way to say it.
PRIVATE = ("private browsing", "privates surfen", "navigation privée", "inprivate", "incognito", "inkognito")


@dataclass(frozen=True)
class Front:
    """The window in front; `app` is `unknown` where the system does not tell."""

    app: str = UNKNOWN
    title: str = ""

    @property
    def private(self) -> bool:
        title = self.title.casefold()
        return any(mark in title for mark in PRIVATE)


NO_FRONT = Front()


class Screen(Protocol):
    """What a system tells; raises NoScreen when there is none (any more).

    `hush` has a listener that was told to stop do so at once.
    """

    def front(self) -> Front: ...

    def size(self) -> tuple[int, int]: ...

    def hush(self, listener: Any) -> None: ...

    def close(self) -> None: ...


class NoScreen(Exception):
    """Nobody is signed in to a desktop here, or it cannot be asked."""


def blind() -> str:
    """Say what of this session cannot be seen or heard, empty if everything can."""
    if os.environ.get("XDG_SESSION_TYPE") == "wayland":
        return _("Under Wayland only windows that still speak X11 are recorded.")
    return ""


def connect() -> Screen:
    """Open the screen of this session."""
    name = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "x11")
    if name == "x11" and not os.environ.get("DISPLAY"):
        message = "DISPLAY is not set"
        raise NoScreen(message)
    # Each can be imported on its own system only.
    return importlib.import_module(f"portal.agent.front_{name}").connect()
