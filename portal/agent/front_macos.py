"""The app in front on macOS; titles need a permission of their own and are not asked for. Written after Apple's
reference; not part of our test runs, which have no macOS."""

from __future__ import annotations

from typing import Any

from AppKit import NSWorkspace
from Quartz import CGDisplayPixelsHigh, CGDisplayPixelsWide, CGMainDisplayID

from portal.agent.front import NO_FRONT, Front


class MacOS:
    """Asks the workspace of this session."""

    def front(self) -> Front:
        app = NSWorkspace.sharedWorkspace().frontmostApplication()
        name = app.localizedName() if app is not None else None
        return Front(str(name)) if name else NO_FRONT

    def size(self) -> tuple[int, int]:
        main = CGMainDisplayID()
        return CGDisplayPixelsWide(main), CGDisplayPixelsHigh(main)

    def hush(self, listener: Any) -> None:
        """Listeners stop by themselves here."""

    def close(self) -> None:
        """There is nothing to close."""


def connect() -> MacOS:
    return MacOS()
