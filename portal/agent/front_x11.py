"""The window in front under X11; under Wayland only windows that still speak X11 are seen."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from Xlib import X, Xatom, display, error
from Xlib.xobject.drawable import Window

from portal.agent.front import LONGEST_TITLE, NO_FRONT, Front, NoScreen

LOST = (error.ConnectionClosedError, OSError)
FAILED = (error.DisplayError, error.XError, error.ConnectionClosedError, OSError)
# Toolkits give the focus to a window within a window; deeper than this none does.
DEPTH = 20


class X11:
    """A connection of its own to the X server; asked by several threads."""

    def __init__(self) -> None:
        try:
            self._display = display.Display()
        except FAILED as why:
            raise NoScreen(str(why)) from None
        self._lock = threading.Lock()
        self._root = self._display.screen().root
        names = ("_NET_ACTIVE_WINDOW", "_NET_WM_NAME", "UTF8_STRING")
        self._active, self._name, self._utf8 = (self._display.intern_atom(name) for name in names)

    def front(self) -> Front:
        with self._lock:
            try:
                window = self._window()
                return self._described(window) if window else NO_FRONT
            except LOST as why:
                raise NoScreen(str(why)) from None
            except error.XError:
                return NO_FRONT  # it was closed meanwhile

    def size(self) -> tuple[int, int]:
        with self._lock:
            try:
                found = self._root.get_geometry()
            except FAILED as why:
                raise NoScreen(str(why)) from None
            return found.width, found.height

    def hush(self, listener: Any) -> None:
        """End a recording from here: pynput 1.8.2 asks for it only with the next input, which it then still gets."""
        recording = getattr(listener, "_context", None)
        with self._lock, contextlib.suppress(*FAILED):
            if recording is not None:
                self._display.record_disable_context(recording)
                self._display.sync()

    def close(self) -> None:
        with self._lock, contextlib.suppress(*FAILED):
            self._display.close()

    def _window(self) -> Window | None:
        """Return the window with a name of its app: what the window manager says is active, else what has the focus."""
        active = self._root.get_full_property(self._active, X.AnyPropertyType)
        if active is not None and len(active.value) and active.value[0]:
            window = self._display.create_resource_object("window", active.value[0])
        else:
            window = self._display.get_input_focus().focus
        for _step in range(DEPTH):
            if not isinstance(window, Window) or window.id == self._root.id:
                return None
            if window.get_wm_class():
                return window
            window = window.query_tree().parent
        return None

    def _described(self, window: Window) -> Front:
        named = window.get_wm_class()
        return Front(named[1] or named[0], self._title(window)[:LONGEST_TITLE]) if named else NO_FRONT

    def _title(self, window: Window) -> str:
        for name, kind, coding in ((self._name, self._utf8, "utf-8"), (Xatom.WM_NAME, X.AnyPropertyType, "latin-1")):
            found = window.get_full_property(name, kind)
            if found is not None and found.value:
                value = found.value
                return value.decode(coding, "replace") if isinstance(value, bytes) else str(value)
        return ""


def connect() -> X11:
    return X11()
